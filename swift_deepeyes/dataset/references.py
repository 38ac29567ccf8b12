"""The reference answers of a row: which column holds them, and whether there are several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from swift_deepeyes.dataset.values import struct_of, texts_of

ALTERNATIVES = "alternatives"
"""The key of `reward_model` with further references."""


def references_of(columns: Mapping[str, object]) -> tuple[str, ...]:
    """All texts that are right as an answer; empty where the row has no reference.

    A list (or array) holds several. A text is one, also where it looks like a list: "[1, 2]" may be
    the answer. So a row whose leaves are all text has its further references under a key of their
    own, `reward_model.alternatives`, as a JSON list.
    """
    model = struct_of(columns.get("reward_model"))
    candidates = (
        model.get("ground_truth"),
        columns.get("solution"),
        struct_of(columns.get("extra_info")).get("answer"),
    )
    found = next((texts for texts in map(texts_of, candidates) if texts), ())
    return tuple(dict.fromkeys((*found, *_alternatives(model.get(ALTERNATIVES)))))


def _alternatives(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            listed = json.loads(value)
            return texts_of(listed if isinstance(listed, list) else value)
    return texts_of(value)

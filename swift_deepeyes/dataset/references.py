"""The reference answers of a row, and the struct columns that hold them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from swift_deepeyes.dataset.columns import (
    ALTERNATIVES,
    EXTRA_INFO,
    REWARD_MODEL,
    SOLUTION,
    STRUCT_KEYS,
)
from swift_deepeyes.dataset.values import leaf_text, struct_of, texts_of

_REFERENCE_KEYS = ("ground_truth", "answer")

KeysOf = Callable[[str, Mapping[str, object]], Iterable[str]]


def references_of(columns: Mapping[str, object]) -> tuple[str, ...]:
    """All texts that are right as an answer; empty where the row has no reference.

    A list (or array) holds several. A text is one, also where it looks like a list: "[1, 2]" may be
    the answer. So a row whose leaves are all text has its further references under a key of their
    own, `reward_model.alternatives`, as a JSON list.
    """
    model = struct_of(columns.get(REWARD_MODEL))
    candidates = (
        model.get("ground_truth"),
        columns.get(SOLUTION),
        struct_of(columns.get(EXTRA_INFO)).get("answer"),
    )
    found = next((texts for texts in map(texts_of, candidates) if texts), ())
    return tuple(dict.fromkeys((*found, *_alternatives(model.get(ALTERNATIVES)))))


def text_structs(row: Mapping[str, object], keys_of: KeysOf) -> dict[str, dict[str, str]]:
    """The struct columns of a row with leaves of text only, so that any files have the same types.

    `keys_of` says which keys of a column are kept. What scoring takes as the reference, wherever
    the row has it, is in `reward_model`: the first text as `ground_truth`, further ones as a JSON
    list.
    """
    result: dict[str, dict[str, str]] = {}
    for column in STRUCT_KEYS:
        struct = struct_of(row.get(column))
        result[column] = {key: _leaf(key, struct.get(key)) for key in keys_of(column, struct)}
    first, *further = references_of(row) or ("",)
    result[REWARD_MODEL] |= {
        "ground_truth": result[REWARD_MODEL]["ground_truth"] or first,
        ALTERNATIVES: json.dumps(further, ensure_ascii=False) if further else "",
    }
    return result


def _leaf(key: str, value: object) -> str:
    """A leaf as text; of several references the first."""
    if key in _REFERENCE_KEYS and not isinstance(value, str):
        return next(iter(texts_of(value)), "")
    return leaf_text(value)


def _alternatives(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            listed = json.loads(value)
            return texts_of(listed if isinstance(listed, list) else value)
    return texts_of(value)

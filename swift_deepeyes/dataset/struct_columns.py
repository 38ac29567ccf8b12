"""The data's struct columns with leaves of text only, so that any files have the same types."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from swift_deepeyes.dataset.references import ALTERNATIVES, references_of
from swift_deepeyes.dataset.values import leaf_text, struct_of, texts_of

STRUCT_KEYS = {
    "reward_model": ("style", "ground_truth", ALTERNATIVES),
    "extra_info": ("split", "index", "answer", "question"),
}
"""The keys that every row has."""

_REFERENCE_KEYS = ("ground_truth", "answer")

KeysOf = Callable[[str, Mapping[str, object]], Iterable[str]]


def text_structs(row: Mapping[str, object], keys_of: KeysOf) -> dict[str, dict[str, str]]:
    """The struct columns of a row; `keys_of` says which keys of a column are kept.

    What scoring takes as the reference, wherever the row has it, is in `reward_model`: the first
    text as `ground_truth`, further ones as a JSON list.
    """
    result: dict[str, dict[str, str]] = {}
    for column in STRUCT_KEYS:
        struct = struct_of(row.get(column))
        result[column] = {key: _leaf(key, struct.get(key)) for key in keys_of(column, struct)}
    first, *further = references_of(row) or ("",)
    result["reward_model"] |= {
        "ground_truth": result["reward_model"]["ground_truth"] or first,
        ALTERNATIVES: json.dumps(further, ensure_ascii=False) if further else "",
    }
    return result


def _leaf(key: str, value: object) -> str:
    """A leaf as text; of several references the first."""
    if key in _REFERENCE_KEYS and not isinstance(value, str):
        return next(iter(texts_of(value)), "")
    return leaf_text(value)

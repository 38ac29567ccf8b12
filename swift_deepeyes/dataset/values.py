"""One value of a row as text, whatever Arrow, pandas, numpy or JSON made of it.

Missing is missing: None, NaN (what pandas writes for nothing) and pandas' NA are no text. The text
"nan" is a text. Nothing here raises.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from numbers import Integral, Real

from swift_deepeyes.frozen import valid_text

_DEPTH = 4  # of lists in lists that hold references; deeper is no list of answers


def plain(value: object) -> object:
    """Arrays and scalars of numpy as Python's lists and scalars; anything else as it is."""
    to_list = getattr(value, "tolist", None)
    return to_list() if callable(to_list) else value


def scalar_text(value: object) -> str | None:
    """A scalar as text; None for a missing one and for anything that is not a scalar."""
    value = plain(value)
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Integral):
        try:
            return str(int(value))
        except ValueError:  # more digits than Python prints
            return None
    if isinstance(value, Real | Decimal):
        return str(value) if math.isfinite(value) else None
    is_date = isinstance(value, date) and value == value  # pandas' NaT is not equal to itself
    return str(value) if is_date else None


def leaf_text(value: object) -> str:
    """A leaf of a row as text: what is missing is empty, lists and structs are JSON."""
    value = plain(value)
    if not isinstance(value, Mapping | list | tuple):
        return scalar_text(value) or ""
    try:
        return valid_text(json.dumps(value, ensure_ascii=False, default=leaf_text))
    except (TypeError, ValueError, RecursionError):
        return ""


def texts_of(value: object, depth: int = _DEPTH) -> tuple[str, ...]:
    """All texts of a scalar or a list of scalars, without what is missing or empty, each once."""
    value = plain(value)
    if isinstance(value, list | tuple | set | frozenset):
        found = (text for one in value for text in texts_of(one, depth - 1)) if depth else ()
        return tuple(dict.fromkeys(found))
    text = (scalar_text(value) or "").strip()
    return (text,) if text else ()


def struct_of(value: object) -> Mapping[str, object]:
    """A struct column: a dict, or the same as JSON; empty where it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, Mapping) else {}


def list_of(value: object) -> list[object]:
    """A list column: one value is a list of one, what is missing an empty one."""
    value = plain(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return []
    return list(value) if isinstance(value, list | tuple) else [value]

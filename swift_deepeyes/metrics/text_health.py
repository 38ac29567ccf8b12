"""Whether a turn looks like language, or like a policy that has fallen apart.

Boundary: text in, a yes or no out. What share of such texts is alarming is `alarms`' business.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

_REPETITIVE_FROM_BYTES = 200
"""Below this, tags alone repeat enough to mislead."""

_REPETITIVE_RATIO = 6
"""Prose of this length shrinks two- or threefold, tables and lists up to fivefold; loops more."""

_EMPTY_BELOW_CHARACTERS = 5


def is_repetitive(text: str) -> bool:
    """True for text that says the same over and over: it compresses as no language does."""
    data = text.encode("utf-8", "replace")
    if len(data) < _REPETITIVE_FROM_BYTES:
        return False
    return len(zlib.compress(data, 1)) * _REPETITIVE_RATIO < len(data)


def is_empty(texts: Sequence[str]) -> bool:
    """True where the model wrote next to nothing in the whole trajectory."""
    return sum(len(text.strip()) for text in texts) < _EMPTY_BELOW_CHARACTERS

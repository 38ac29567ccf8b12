"""Numbers of things in messages: "1 row", "2 rows", "1,200 rows"."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun; `plural` where that does not end in a plain s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def which(number: int, singular: str, plural: str) -> str:
    """The word that agrees with a number: `which(1, "is", "are")`."""
    return singular if number == 1 else plural

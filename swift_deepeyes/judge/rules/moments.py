"""Dates and times by dateutil: `March 5, 2021`, `5th of March 2021`, `2021/03/05`, `10:30 a.m.`."""

from __future__ import annotations

import re
from datetime import datetime

from dateutil import parser

MONTH = r"\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\b"
FORM = re.compile(
    rf"{MONTH}\.?\s+\d|\d(?:st|nd|rd|th)?\s+(?:of\s+)?{MONTH}|\b\d{{1,2}}:\d\d\b"
    r"|\b\d{4}([-/.])\d{1,2}\1\d{1,2}\b|\d\s*[ap]m\b",
    re.IGNORECASE,
)
SPELLINGS = (
    (re.compile(r"\b([ap])\.\s?m\b\.?", re.IGNORECASE), r"\1m"),
    (re.compile(r"\b(\d{1,2})\.(\d\d)(?=\s*[ap]m\b)", re.IGNORECASE), r"\1:\2"),
    (re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})[日号]"), r"\1-\2-\3"),
)
# What a text leaves open is filled in from these: equal twice means that the same parts were named.
DEFAULTS = (datetime(2000, 1, 1, 0, 0), datetime(2003, 2, 2, 1, 1))
MAX_CHARACTERS = 120

Moment = tuple[datetime, ...]


def read_moment(text: str) -> tuple[Moment, str] | None:
    """A moment in a text and the words around it; None: there is none, or more than one."""
    for pattern, plain in SPELLINGS:
        text = pattern.sub(plain, text)
    if len(text) > MAX_CHARACTERS or not FORM.search(text):
        return None
    try:
        found = [parser.parse(text, default=day, fuzzy_with_tokens=True) for day in DEFAULTS]
    except Exception:  # dateutil's errors are of many kinds
        return None
    return tuple(moment for moment, _ in found), " ".join(found[0][1])

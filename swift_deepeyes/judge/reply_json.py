"""Verdicts in JSON: by their keys, wherever the object stands in the reply."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from swift_deepeyes.judge.verdict_words import read_whole
from swift_deepeyes.scoring.verdict import Outcome

_KEYS = frozenset(
    {
        *("verdict", "finalverdict", "judgement", "judgment", "finaljudgement", "finaljudgment"),
        *("correct", "iscorrect", "equivalent", "isequivalent", "consistent", "isconsistent"),
        *("match", "ismatch", "matches", "score", "result", "decision", "grade"),
        *("判断", "判定", "结论", "判断结果"),
    }
)
_SOLE_KEYS = frozenset({"answer", "finalanswer", "output"})  # they may name the judged answer
_SCALES = frozenset({"max", "maxscore", "maximum", "outof", "total", "scale"})
_MOST_FAILURES = 20  # braces that open nothing; each costs a pass over the text
_LONGEST_LITERAL = 4000  # characters of a Python dict; Python's own parser reads it


def take_json(text: str) -> tuple[list[Outcome], str]:
    """What the JSON objects in `text` state, one entry per verdict, and the text without them."""
    stated: list[Outcome] = []
    rest, position = [], 0
    for start, end, value in _objects(text):
        stated += _verdicts(value)
        rest.append(text[position:start])
        position = end
    return stated, "\n".join([*rest, text[position:]])


def _objects(text: str) -> Iterator[tuple[int, int, Any]]:
    decoder = json.JSONDecoder(object_pairs_hook=_Object)
    position = failures = 0
    while failures < _MOST_FAILURES and (start := text.find("{", position)) >= 0:
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = start + 1
            literal = _python_dict(text[start : text.rfind("}") + 1])
            if literal is None:
                failures += 1
                continue
            value, position = literal, text.rfind("}") + 1
        yield start, position, value


class _Object(list[tuple[str, Any]]):
    """The pairs of one object, so that a key that stands twice is seen twice."""


def _python_dict(text: str) -> _Object | None:
    """`{'verdict': True}`, which models write for JSON."""
    if len(text) > _LONGEST_LITERAL or not re.match(r"\{\s*'", text):
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    return _Object(value.items()) if isinstance(value, dict) else None


def _verdicts(value: Any) -> list[Outcome]:
    if isinstance(value, dict):
        value = _Object(value.items())
    if isinstance(value, _Object):
        found = []
        for key, inner in value:
            found += _of_pair(re.sub(r"[\W_]", "", str(key)).lower(), inner, len(value) == 1)
        return found
    if isinstance(value, list):
        return [outcome for inner in value for outcome in _verdicts(inner)]
    return []


def _of_pair(key: str, value: Any, is_sole: bool) -> list[Outcome]:
    if isinstance(value, dict | list):
        return _verdicts(value)
    if key in _SCALES and value != 1:
        return [Outcome.UNREADABLE]  # one of five points is no verdict
    if key in _KEYS or (is_sole and key in _SOLE_KEYS):
        return [_read_value(value)]
    return []


def _read_value(value: Any) -> Outcome:
    """True, 1, 1.0, "1", "correct": right; what is none of the words is unreadable."""
    if isinstance(value, bool | int | float):
        said = {1.0: Outcome.RIGHT, 0.0: Outcome.WRONG}
        return said.get(float(value), Outcome.UNREADABLE)
    outcome = read_whole(value) if isinstance(value, str) else None
    return outcome or Outcome.UNREADABLE

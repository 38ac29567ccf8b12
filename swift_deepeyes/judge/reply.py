"""From a judge's reply to an outcome.

One principle: a verdict stands alone, behind a marker ("Judgement:"), or as a whole first or last
line; in JSON, under its key. Everything else is unreadable, also where two verdicts are stated:
being asked again costs a call, a verdict guessed from prose becomes a reward.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from swift_deepeyes.judge.reply_text import (
    read_line,
    read_whole,
    speaks_against,
    spoken_lines,
    spoken_text,
)
from swift_deepeyes.judge.request import CHOICES
from swift_deepeyes.scoring.verdict import JudgeQuestion, Outcome, QuestionKind

_MARKER = (
    r"(?:judge?ment|verdict|score|decision|conclusion|evaluation|assessment|equivalence|"
    r"is[_ ]?(?:correct|equivalent|consistent)|最终判断|判断结果|判断|判定|结论|评分|得分|"
    r"판정|판단|결론|urteil|veredicto|вердикт)"
)
# These may name the judged answer as well: the last line only, or nothing but them.
_LAST_MARKER = r"(?:final\s+answer|result|outcome|最终答案|结果)"
_ONLY_MARKER = r"(?:answer|output|correct|答案|分析)"
_BEFORE = r"(?:(?:so|therefore|thus|hence|the|my|our|final|overall|equivalence)\b,?\s*){0,4}"
_SEPARATOR = (
    r"\s*(?:\((?:(?!10)[^()2-9]){0,40}\))?\s*"  # "(0 or 1)", but no scale of five or ten
    r"(?:[:=|\u2192\u2013\u2014]|-+>|-\s|\bis\b:?|\bshould be\b|是|为)[\s\"'(\[{<|:]*"
)
_VALUE = r"(?P<value>\S.{0,300})"
# Where a sentence or a clause begins: "The answer says judgement: 1" is no verdict of the judge's.
_SAID = re.compile(
    rf"(?:^|[.!?;,。]\s*)(?P<before>{_BEFORE})(?P<marker>{_MARKER}){_SEPARATOR}{_VALUE}", re.I
)
_BARE_LABELLED = re.compile(rf"{_BEFORE}{_MARKER}\s+{_VALUE}", re.I)
_LAST_LABELLED = re.compile(rf"{_BEFORE}{_LAST_MARKER}{_SEPARATOR}{_VALUE}", re.I)
_ONLY_LABELLED = re.compile(rf"{_BEFORE}{_ONLY_MARKER}{_SEPARATOR}{_VALUE}", re.I)
_NUMBERED = re.compile(r"judge?ment|verdict|判断|判定", re.I)  # markers that no list follows
_REFERENCE = re.compile(
    r"(?:- )?(?:the\s+)?(?:reference|standard|expected|correct|gold|ground|given|参考|标准)", re.I
)
_LABEL = re.compile(rf"(?:.*\b)?{_BEFORE}(?:{_MARKER}|{_LAST_MARKER})(?:\s+is)?\s*[:.]*", re.I)
# "If they agree, the judgement is 1": a rule that is repeated, not applied.
_CONDITION = re.compile(r"\b(?:if|when|whether|would|could|unless)\b|如果|若", re.IGNORECASE)
_SECOND_THOUGHT = re.compile(
    r"\b(?:wait|actually|correction|second thought|re-?read)\b|(?:^|\n)\s*(?:but|however)\b", re.I
)
_ITEM = re.compile(r"(?:\(?[2-9]|1\d)\s*[.):、-]")
_OTHER_NUMBER = re.compile(r"[+-]?\d")


def read_reply(reply: str, question: JudgeQuestion) -> Outcome:
    """The outcome that a reply states; `unreadable` where it states none, or two at once."""
    right, wrong = CHOICES[question.kind]
    if (bare := reply.strip()) in (right, wrong):  # nearly all of them: spare the rest the time
        return Outcome.RIGHT if bare == right else Outcome.WRONG
    text = spoken_text(reply, question)
    if text is None:
        return Outcome.UNREADABLE
    stated, rest = take_json(text)
    if rest.lstrip().startswith("{"):
        return Outcome.UNREADABLE  # JSON that was cut or is broken: its words are no lines
    lines = spoken_lines(rest)
    stated += _after_markers(lines)
    edges = _at_the_edges(lines)
    outcomes = {*stated, *edges, *(_whole_lines(lines) if stated or edges else ())}
    if len(outcomes) != 1:
        return Outcome.UNREADABLE
    outcome = outcomes.pop()
    return Outcome.UNREADABLE if _takes_it_back(outcome, rest) else outcome


def read_official_reply(reply: str, question: JudgeQuestion) -> Outcome:
    """The official code's reading, to the letter: what is not clearly right counts as wrong.

    Visual: after the last `Judgement:`, where that occurs, any text with a `1` in it is right
    ("1.", but also "10"); without it, the reply must be `1`. Math: after the last
    `## Equivalence Judgement`, or in all of the reply, `true` occurs and `false` does not.
    (verl/utils/reward_score/vl_agent.py of Visual-Agent/DeepEyes.)
    """
    if question.kind is QuestionKind.MATH:
        judgement = reply.rpartition("## Equivalence Judgement")[2].lower()
        says_right = "true" in judgement and "false" not in judgement
    else:
        _, marker, after = reply.rpartition("Judgement:")
        says_right = "1" in after if marker else reply.strip() == "1"
    return Outcome.RIGHT if says_right else Outcome.WRONG


def _after_markers(lines: list[str]) -> list[Outcome]:
    """What stands behind a marker: on its line, or as the line after a heading."""
    stated: list[Outcome | None] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        if following and _LABEL.fullmatch(line):
            stated.append(read_line(following))
            continue
        line = line.strip("\"'- ")
        bare = _BARE_LABELLED.fullmatch(line)
        stated += [read_whole(bare["value"])] if bare else []
        stated += [_value_of(said) for said in _statements(line)]
    stated += _after_last_markers(lines)
    return [outcome for outcome in stated if outcome is not None]


def _statements(line: str) -> list[re.Match[str]]:
    """The markers of a line, each with what follows it, but for those in a condition."""
    found, position = [], 0
    while (said := _SAID.search(line, position)) is not None:
        if not _CONDITION.search(line[: said.start("marker")]):
            found.append(said)
        position = said.start("value")
    return found


def _value_of(said: re.Match[str]) -> Outcome | None:
    value = said["value"]
    outcome = read_line(value, is_value=_NUMBERED.fullmatch(said["marker"]) is not None)
    if outcome is None and _OTHER_NUMBER.match(value):
        return Outcome.UNREADABLE  # "Score: 5/10" is a statement, but no verdict
    return outcome


def _after_last_markers(lines: list[str]) -> list[Outcome | None]:
    """Behind words that may name the judged answer too, so that they count at the end only."""
    if not lines or any(_REFERENCE.match(line) for line in lines[:-1]):
        return []
    forms = [_LAST_LABELLED, *([_ONLY_LABELLED] if len(lines) == 1 else [])]
    matches = [form.fullmatch(lines[-1].strip("\"'- ")) for form in forms]
    return [read_line(match["value"]) for match in matches if match is not None]


def _at_the_edges(lines: list[str]) -> list[Outcome]:
    """What the first and the last line state."""
    if not lines or any(_ITEM.match(line) for line in lines):
        # Items of a list: only the last line can be a verdict, and only if it is one alone.
        last = read_whole(lines[-1]) if lines else None
        return [] if last is None or _is_value_of_a_label(lines, len(lines) - 1) else [last]
    stated = []
    if not (len(lines) > 1 and _goes_on(lines[0], lines[1])):
        stated.append(read_line(lines[0]))
    if len(lines) > 1 and not _is_value_of_a_label(lines, len(lines) - 1):
        stated.append(read_line(lines[-1]))
    return [outcome for outcome in stated if outcome is not None]


def _whole_lines(lines: list[str]) -> list[Outcome]:
    """Verdicts anywhere: they prove nothing by themselves, but they may contradict."""
    return [outcome for outcome in map(read_whole, lines) if outcome is not None]


def _is_value_of_a_label(lines: list[str], index: int) -> bool:
    """Whether the line before names something else than a verdict: "The reference is:"."""
    if index == 0:
        return False
    label = lines[index - 1].rstrip("\"' ")
    return label.endswith(":") and _LABEL.fullmatch(label) is None


def _goes_on(line: str, following: str) -> bool:
    """Whether a sentence runs over the line's end: "The answer is correct / if it says red"."""
    return line[-1:].isalpha() and following[:1].islower()


def _takes_it_back(outcome: Outcome, text: str) -> bool:
    return outcome is Outcome.RIGHT and (
        speaks_against(text) or _SECOND_THOUGHT.search(text) is not None
    )


# Verdicts in JSON: by their keys, wherever the object stands in the reply.

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

"""What an answer may contain: rules against answers that say nothing, everything, or "I am right".

They see the extracted text of an `<answer>` or a box, never the turn around it; each is a small
function over the answer and the reference. All of them void the answer: no judge is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from swift_deepeyes.scoring.extraction import ANSWER_LIMIT_CHARACTERS, FormatError

# "<answer><tool_call>…</tool_call></answer>", "<answer><image></answer>"
_PROTOCOL_TAG = re.compile(r"</?(?:think|answer|tool_call|tool_response)>|<image>")
# "<answer>...</answer>" copied from the turn instruction.
_NOTHING_SAID = re.compile(r"[\s.…]*\Z")
# "left\nJudgement: 1": a line that talks to the judge, or imitates its reply.
_VERDICT_LINE = re.compile(
    r"^\W*(?:\w+\s+)?judge?ment\W{0,3}[:\uff1a]\W*(?:[01]|true|false|correct|incorrect)\b",
    re.IGNORECASE | re.MULTILINE,
)
# The reference is one option: "B", "(b)", "B.", "B. red".
_OPTION_REFERENCE = re.compile(r"\(?([A-Ha-h])(?:\)|[.:)]?\s*\Z|[.:)]\s)")
# "A, B or C", "A/B/C/D", "ABCD"
_OPTION_LIST = re.compile(r"\(?[A-H](?:[\s,;/&|()]|and|or)*(?:[A-H](?:[\s,;/&|().]|and|or)*)+\Z")
# "A. red, B. blue", "(A) red (B) blue", one a line; but not the end of "A. Vitamin C."
_OPTION_LABEL = re.compile(
    r"(?:^|[,;/]|\band\b|\bor\b)\s*([A-H])[.):](?=\s)|\(([A-H])\)", re.MULTILINE
)


def answer_errors(answer: str, reference: str) -> tuple[FormatError, ...]:
    """The rules that fire for an answer; `reference` is only used to spot hedging."""
    if overlong_answer(answer, reference):
        # Alone and first: it keeps every other pattern to short texts.
        return (FormatError.OVERLONG_ANSWER,)
    return tuple(error for error, fires in _RULES.items() if fires(answer, reference))


def overlong_answer(answer: str, reference: str) -> bool:
    """An answer of 1,000 characters or more."""
    return len(answer) >= ANSWER_LIMIT_CHARACTERS


def empty_answer(answer: str, reference: str) -> bool:
    """An answer that says nothing, such as the three dots of the instruction."""
    return _NOTHING_SAID.match(answer) is not None


def tags_in_answer(answer: str, reference: str) -> bool:
    """Protocol tags inside the answer."""
    return _PROTOCOL_TAG.search(answer) is not None


def hedged_answer(answer: str, reference: str) -> bool:
    """Several options named where the reference is one option."""
    if _OPTION_REFERENCE.match(reference.strip()) is None:
        return False
    named = {bare or closed for bare, closed in _OPTION_LABEL.findall(answer)}
    if _OPTION_LIST.match(answer):
        named |= set(re.findall(r"[A-H]", answer))
    return len(named) > 1


def addressed_judge(answer: str, reference: str) -> bool:
    """An answer that contains a verdict on itself."""
    return _VERDICT_LINE.search(answer) is not None


_RULES: Mapping[FormatError, Callable[[str, str], bool]] = {
    FormatError.EMPTY_ANSWER: empty_answer,
    FormatError.TAGS_IN_ANSWER: tags_in_answer,
    FormatError.HEDGED_ANSWER: hedged_answer,
    FormatError.ADDRESSED_JUDGE: addressed_judge,
}

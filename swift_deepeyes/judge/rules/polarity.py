"""Closed questions: what an answer says to a question for yes or no."""

from __future__ import annotations

import re

from swift_deepeyes.scoring.verdict import Outcome
from swift_deepeyes.judge.rules import words
from swift_deepeyes.judge.rules.lexicon import (
    FUNCTION,
    HEDGES,
    NEGATIONS,
    OPPOSITES,
    ORDINARY,
    YES_NO,
)

POLAR_QUESTION = re.compile(
    r"(?:^|[.,!?\n]\s*)(?:is|are|was|were|does|do|did|can|could|has|have|will)\b[^.?\n]*\?"
    r"|[^\n]*(?:吗|是否|有没有|是不是)[^\n]*",
    re.I,
)
# "Yes, …", "No": a reference that opens with its verdict.
VERDICT_FIRST = re.compile(r"^\W*\w+\s*(?:[,.;:!-]|$)")


def compare(question: str, reference: str, answer: str) -> Outcome | None:
    """Right or wrong by what both say to the question; None: it is no yes-no question."""
    match = POLAR_QUESTION.search(question)
    clause = match[0] if match and " or " not in match[0].lower() else None
    wanted = _wanted(clause, reference)
    said = words.tokens(answer)
    if wanted is None or not said:
        return None
    if clause and not VERDICT_FIRST.match(reference) and said[0] not in YES_NO:
        return None  # two statements: compared as such
    if HEDGES & set(said) - set(words.tokens(reference)) or "?" in answer:
        return Outcome.WRONG
    stated = YES_NO.get(said[0])
    restated = _restated(words.tokens(clause or question), said)
    if stated is None or (len(said) > 1 and restated is not None and said[0] in ("no", "none")):
        if restated is None:
            return Outcome.WRONG
        return Outcome.RIGHT if restated is wanted else Outcome.WRONG
    rest = set(said[1:])
    opposite = {word for word, value in YES_NO.items() if value is not stated}
    denied = stated and rest & NEGATIONS - set(words.tokens(reference))
    if stated is not wanted or rest & opposite or denied:
        return Outcome.WRONG
    return Outcome.UNREADABLE if rest & {"but", "however"} else Outcome.RIGHT


def _wanted(clause: str | None, reference: str) -> bool | None:
    meant = words.tokens(reference)
    stated = YES_NO.get(meant[0]) if meant else None
    if stated is not None and (clause or VERDICT_FIRST.match(reference)):
        return stated
    # "The man is not wearing a hat." means no
    return not NEGATIONS & set(meant) if clause and meant else None


def _restated(asked: list[str], said: list[str]) -> bool | None:
    """What "There is a dog" says to "Is there a dog?"; None if it says more than yes or no."""
    said, turned = _without_opposites(asked, said)
    skipped = FUNCTION | NEGATIONS
    things = set(asked) - skipped - YES_NO.keys() - {"you"}
    extra = set(said) - skipped - ORDINARY - set(asked)
    if extra or words.reordered(said, asked, skipped):
        return None
    negations = sum(word in NEGATIONS for word in said) + turned
    is_whole = things - ORDINARY <= set(said) and words.VERBS & set(said)
    if not negations:
        return True if is_whole and things & set(said) else None
    return False if negations == 1 and things & set(said) else None


def _without_opposites(asked: list[str], said: list[str]) -> tuple[list[str], int]:
    """"closed" is "open" with a negation."""
    turned = 0
    for pair in OPPOSITES:
        for one, other in (pair, pair[::-1]):
            if one in asked and other in said and other not in asked:
                said = [one if word == other else word for word in said]
                turned += 1
    return said, turned

"""Closed questions: what an answer says to a question for yes or no."""

from __future__ import annotations

import re

from swift_deepeyes.scoring.verdict import Outcome
from swift_deepeyes.judge.rules import words
from swift_deepeyes.judge.rules.lexicon import (
    ATTRIBUTES,
    FUNCTION,
    HEDGES,
    KINDS,
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
    asked = words.tokens(clause or question)
    restated = _restated(asked, said)
    if stated is None or (len(said) > 1 and said[0] in NEGATIONS and restated is not None):
        if restated is not None:
            return Outcome.RIGHT if restated is wanted else Outcome.WRONG
        is_about_it = set(asked) - FUNCTION <= set(said) and words.VERBS & set(said)
        is_turned = wanted and words.reordered(said, asked, FUNCTION | NEGATIONS)
        return Outcome.UNREADABLE if is_about_it and not is_turned else Outcome.WRONG
    rest = set(said[1:])
    denials = rest & NEGATIONS - set(words.tokens(reference))
    opposite = {word for word, value in YES_NO.items() if value is not stated} - NEGATIONS
    is_about_it = rest & (set(asked) - FUNCTION)
    is_both = stated and denials and not rest - FUNCTION - NEGATIONS  # "yes and no"
    if stated is not wanted or rest & opposite or is_both or (stated and denials and is_about_it):
        return Outcome.WRONG
    is_open = rest & {"but", "however"} or (stated and denials)
    return Outcome.UNREADABLE if is_open else Outcome.RIGHT


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
    extra = set(said) - skipped - ORDINARY - ATTRIBUTES - set(asked)
    if extra or words.reordered(said, asked, skipped):
        return None
    negations = sum(word in NEGATIONS for word in said) + turned
    is_whole = things - ORDINARY <= set(said) and words.VERBS & set(said)
    if not negations:
        return True if is_whole and things & set(said) else None
    return False if negations == 1 and things & set(said) else None


def _without_opposites(asked: list[str], said: list[str]) -> tuple[list[str], int]:
    """"closed" is "open" with a negation, and red is not yellow."""
    pairs = [(one, other) for pair in OPPOSITES for one, other in (pair, pair[::-1])]
    pairs += [(one, other) for kind in KINDS for one in kind & set(asked) for other in kind]
    turned = 0
    for one, other in pairs:
        if one in asked and one not in said and other in said and other not in asked:
            said = [one if word == other else word for word in said]
            turned += 1
    return said, turned

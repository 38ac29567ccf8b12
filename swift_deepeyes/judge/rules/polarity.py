"""Closed questions: what an answer says to a question for yes or no."""

from __future__ import annotations

import re

from swift_deepeyes.judge.rules import words
from swift_deepeyes.judge.rules.expected import clauses, reordered, tokens
from swift_deepeyes.judge.rules.lexicon import (
    ATTRIBUTES,
    FUNCTION,
    HEDGES,
    KINDS,
    NEGATIONS,
    OPPOSITES,
    ORDINARY,
    PRONOUNS,
    YES_NO,
    word_set,
)
from swift_deepeyes.scoring.verdict import Outcome

POLAR_QUESTION = re.compile(
    r"(?:^|[.,!?\n]\s*)(?:is|are|was|were|does|do|did|can|could|has|have|will)\b[^.?\n]*\?"
    r"|[^\n]*(?:吗|是否|有没有|是不是)[^\n]*",
    re.I,
)
PARTLY = word_set("half only some partly partially most few 半")
# "Yes, …", "No": a reference that opens with its verdict.
VERDICT_FIRST = re.compile(r"^\W*\w+\s*(?:[,.;:!-]|$)")


def compare(question: str, reference: str, answer: str) -> Outcome | None:
    """Right or wrong by what both say to the question; None: it is no yes-no question."""
    match = POLAR_QUESTION.search(question)
    clause = match[0] if match and " or " not in match[0].lower() else None
    wanted = _wanted(clause, reference)
    said = tokens(answer)
    if wanted is None or not said:
        return None
    if clause and not VERDICT_FIRST.match(reference) and said[0] not in YES_NO:
        return None  # two statements: compared as such
    if HEDGES & set(said) - set(tokens(reference)) or "?" in answer:
        return Outcome.WRONG
    asked = tokens(clause or question)
    opening, *rest = [tokens(part) for part in clauses(answer)] or [said]
    stated = YES_NO.get(said[0])
    restated = _restated(asked, said)
    is_bare = VERDICT_FIRST.match(answer) or not set(opening[1:]) - FUNCTION - NEGATIONS
    is_word = stated is not None and is_bare
    if restated is not None and not is_word:
        return Outcome.RIGHT if restated is wanted else Outcome.WRONG
    if stated is None:
        is_about_it = set(asked) - FUNCTION <= set(said) and words.VERBS & set(said)
        is_turned = wanted and reordered(said, asked, FUNCTION | NEGATIONS)
        return Outcome.UNREADABLE if is_about_it and not is_turned else Outcome.WRONG
    others = {_restated(asked, part) for part in rest} - {None, stated}
    if stated is not wanted or others or _denied(asked, reference, said, stated):
        return Outcome.WRONG
    denials = NEGATIONS & set(said[1:]) - set(tokens(reference))
    is_open = {"but", "however"} & set(said) or (stated and denials)
    return Outcome.UNREADABLE if is_open or not (is_word or stated) else Outcome.RIGHT


def _denied(asked: list[str], reference: str, said: list[str], stated: bool) -> bool:
    """Against the first word: "Yes and no", "Yes, no snowboard", "No, yes"."""
    rest = set(said[1:])
    opposite = {word for word, value in YES_NO.items() if value is not stated} - NEGATIONS
    denials = rest & NEGATIONS - set(tokens(reference)) if stated else set()
    is_about_it = rest & (set(asked) - FUNCTION) or not rest - FUNCTION - NEGATIONS
    return bool(rest & opposite or (denials and is_about_it))


def _wanted(clause: str | None, reference: str) -> bool | None:
    meant = tokens(reference)
    stated = YES_NO.get(meant[0]) if meant else None
    if stated is not None and (clause or VERDICT_FIRST.match(reference)):
        return stated
    # "The man is not wearing a hat." means no
    return not NEGATIONS & set(meant) if clause and meant else None


def _restated(asked: list[str], said: list[str]) -> bool | None:
    """What "There is a dog" says to "Is there a dog?"; None if it says more than yes or no."""
    asked, said = ([*text[:-1], "lit"] if text[-1:] == ["on"] else text for text in (asked, said))
    said, turned = _without_opposites(asked, said)
    skipped = FUNCTION | NEGATIONS
    things = set(asked) - skipped - YES_NO.keys() - {"you"}
    extra = set(said) - skipped - ORDINARY - ATTRIBUTES - set(asked)
    if extra or PARTLY & set(said) - set(asked) or reordered(said, asked, skipped):
        return None
    negations = sum(word in NEGATIONS for word in said) + turned
    missing = things - ORDINARY - set(said)
    is_whole = len(missing) <= bool(PRONOUNS & set(said)) and words.VERBS & set(said)
    if not things & set(said):
        return None
    if not negations:
        return True if is_whole else None
    return False if negations == 1 else None  # "not false": not ours to untangle


def _without_opposites(asked: list[str], said: list[str]) -> tuple[list[str], int]:
    """The answer with "open" and a negation for "closed", and red is not yellow."""
    pairs = [(one, other) for pair in OPPOSITES for one, other in (pair, pair[::-1])]
    pairs += [(one, other) for kind in KINDS for one in kind & set(asked) for other in kind]
    turned = 0
    for one, other in pairs:
        if one in asked and one not in said and other in said and other not in asked:
            said = [one if word == other else word for word in said]
            turned += 1
    return said, turned

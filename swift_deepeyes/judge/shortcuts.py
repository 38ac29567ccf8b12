"""What needs no judge: questions that are settled beyond doubt, before a server is asked."""

from __future__ import annotations

import re

from swift_deepeyes.judge.rules import maths
from swift_deepeyes.judge.rules.decision import MAX_ANSWER, final_answer
from swift_deepeyes.judge.rules.letters import bare_letter, read_options
from swift_deepeyes.judge.rules.text import canonical, is_same_text
from swift_deepeyes.scoring.verdict import JudgeQuestion, Outcome, QuestionKind

WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})")


def settle(question: JudgeQuestion) -> Outcome | None:
    """The outcome where it is beyond doubt, else None: ask.

    No answer or an over-long one; the same text (letter case may differ in plain words, never in
    formulas and units); two option letters; for math also two whole numbers, and two formulas that
    were read whole and are equal. Right if one reference is met, wrong if every one is settled so.
    May wait for the math worker; call it off the event loop.
    """
    if len(question.answer) >= MAX_ANSWER or not canonical(question.answer):
        return Outcome.WRONG
    answer = final_answer(question)
    if answer is None:
        return None  # two boxed answers: for the judge to read
    references = (question.reference, *question.alternatives)
    outcomes = {_settle(question, reference, answer) for reference in references}
    if Outcome.RIGHT in outcomes:
        return Outcome.RIGHT
    return Outcome.WRONG if outcomes == {Outcome.WRONG} else None


def settle_official(question: JudgeQuestion) -> Outcome | None:
    """The official order: math verification before the judge for math, nothing else by rule."""
    if question.kind is not QuestionKind.MATH:
        return None
    references = (question.reference, *question.alternatives)
    verified = any(maths.equal_officially(gold, question.answer) for gold in references)
    return Outcome.RIGHT if verified else None


def _settle(question: JudgeQuestion, reference: str, answer: str) -> Outcome | None:
    if is_same_text(answer, reference):
        return Outcome.RIGHT
    letters = bare_letter(answer), bare_letter(reference)
    if all(letters) and letters[0] != letters[1]:
        return Outcome.WRONG
    if all(letters) and (
        _is_capital(answer, reference) or letters[0] in read_options(question.question)
    ):
        return Outcome.RIGHT
    if question.kind is not QuestionKind.MATH:
        return None
    numbers = canonical(answer), canonical(reference)
    if all(map(WHOLE_NUMBER.fullmatch, numbers)):
        return Outcome.RIGHT if numbers[0] == numbers[1] else Outcome.WRONG
    return Outcome.RIGHT if maths.equal(reference, answer) else None


def _is_capital(*texts: str) -> bool:
    """Whether the letters are upper case: without options, `b` need not mean `B`."""
    return all(text.upper() == text for text in map(canonical, texts))

"""Checks of a judge before a run is spent on it; `swift-deepeyes doctor` prints them."""

from __future__ import annotations

from collections.abc import Sequence

from swift_deepeyes.judge.cases import CaseReport, JudgeCase, load_cases, report_on
from swift_deepeyes.judge.errors import JudgeError
from swift_deepeyes.judge.identity import ServerIdentity, ServerKind, identify_server
from swift_deepeyes.judge.judge import Judge
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, QuestionKind

__all__ = [
    "KNOWN_CASES",
    "CaseReport",
    "JudgeCase",
    "ServerIdentity",
    "ServerKind",
    "check_known_cases",
    "identify_server",
    "load_cases",
    "run_cases",
]

_QUESTION = "What is the colour of the kite above the beach?"
_REFERENCE = "The kite is orange."
KNOWN_CASES: tuple[tuple[JudgeQuestion, Outcome], ...] = (
    (
        JudgeQuestion(
            kind=QuestionKind.OPEN,
            question=_QUESTION,
            reference=_REFERENCE,
            answer="It is orange.",
        ),
        Outcome.RIGHT,
    ),
    (
        JudgeQuestion(
            kind=QuestionKind.OPEN,
            question=_QUESTION,
            reference=_REFERENCE,
            answer="The kite above the beach is purple.",
        ),
        Outcome.WRONG,
    ),
)
"""Two questions that every judge must decide rightly: one right answer, one wrong one."""


async def check_known_cases(judge: Judge) -> list[str]:
    """What the judge got wrong on the two known cases; empty if it works.

    Raises `JudgeError` as a training run would.
    """
    verdicts = await judge.verdicts([question for question, _ in KNOWN_CASES])
    problems = []
    for (question, expected), verdict in zip(KNOWN_CASES, verdicts, strict=True):
        if verdict.decided_by in (Decider.RULE_AFTER_FAILURE, Decider.RULE_AFTER_UNREADABLE):
            problems.append(
                f"the judge gave no verdict on {question.answer!r} ({verdict.decided_by}; its "
                f"reply: {verdict.reply!r})"
            )
        elif verdict.outcome is not expected:
            problems.append(
                f"the judge calls {question.answer!r} {verdict.outcome}, where the reference is "
                f"{question.reference!r} (its reply: {verdict.reply!r})"
            )
    return problems


async def run_cases(judge: Judge, cases: Sequence[JudgeCase] | None = None) -> CaseReport:
    """Put the labelled cases (default: the package's) to any judge. Raises `JudgeError`."""
    chosen = load_cases() if cases is None else cases
    if not chosen:
        raise JudgeError("There are no labelled cases to run.")
    return report_on(chosen, await judge.verdicts([case.as_question for case in chosen]))

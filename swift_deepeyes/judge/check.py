"""Checks of a judge before a run is spent on it; `swift-deepeyes doctor` prints them.

`cases.jsonl` has one labelled, hand-written answer per line. Each source has its own manner:
`vstar` sentences about colours, positions and objects, `chart` option letters and values,
`thinklite` formulas and boxed words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import resources

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.judge.errors import JudgeError
from swift_deepeyes.judge.judge import Judge
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, QuestionKind, Verdict


class JudgeCase(FrozenModel):
    """One labelled answer; `tag` says what it tries: `paraphrase`, `near_miss`, `injection`."""

    id: str
    data_source: str
    kind: QuestionKind
    question: str
    reference: str
    answer: str
    right: bool
    tag: str

    @property
    def as_question(self) -> JudgeQuestion:
        """The case as a judge gets it."""
        return JudgeQuestion(
            kind=self.kind,
            question=self.question,
            reference=self.reference,
            answer=self.answer,
        )


class CaseReport(FrozenModel):
    """How a judge did on labelled cases. Shares are 0 to 1."""

    cases: tuple[JudgeCase, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def accuracy(self) -> float:
        """The share decided as labelled; an unreadable verdict is not."""
        return 1 - len(self.mistakes) / len(self.cases) if self.cases else 0.0

    @property
    def mistakes(self) -> list[tuple[JudgeCase, Verdict]]:
        """The cases decided otherwise than labelled."""
        pairs = zip(self.cases, self.verdicts, strict=True)
        return [
            (case, verdict)
            for case, verdict in pairs
            if verdict.outcome is not (Outcome.RIGHT if case.right else Outcome.WRONG)
        ]

    def confusion(self, data_source: str | None = None) -> Counter[tuple[bool, Outcome]]:
        """How often each (label, outcome) occurred, for one source or for all."""
        return Counter(
            (case.right, verdict.outcome)
            for case, verdict in zip(self.cases, self.verdicts, strict=True)
            if data_source in (None, case.data_source)
        )

    def table(self) -> str:
        """The confusion table as text: a line per source and label, and the accuracy."""
        lines = [f"{'source':<10} {'label':<6} " + " ".join(f"{name:>10}" for name in Outcome)]
        for source in (*dict.fromkeys(case.data_source for case in self.cases), None):
            counts = self.confusion(source)
            for label in (True, False):
                cells = " ".join(f"{counts[label, outcome]:>10}" for outcome in Outcome)
                lines.append(f"{source or 'all':<10} {'right' if label else 'wrong':<6} {cells}")
        total = len(self.cases)
        good = total - len(self.mistakes)
        return "\n".join([*lines, f"accuracy   {self.accuracy:.1%} ({good} of {total})"])


def load_cases() -> tuple[JudgeCase, ...]:
    """All labelled cases of the package, in file order."""
    text = (resources.files("swift_deepeyes.judge") / "cases.jsonl").read_text(encoding="utf-8")
    return tuple(JudgeCase.model_validate_json(line) for line in text.splitlines())


def report_on(cases: Sequence[JudgeCase], verdicts: Sequence[Verdict]) -> CaseReport:
    """The report on verdicts given for `cases`, in the same order."""
    return CaseReport(cases=tuple(cases), verdicts=tuple(verdicts))


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

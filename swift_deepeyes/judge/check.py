"""Checks of a judge before a run is spent on it; `swift-deepeyes doctor` prints them.

`cases.jsonl` has one labelled, hand-written answer per line. Each source has its own manner:
`vstar` sentences about colours, positions and objects, `chart` option letters and values,
`thinklite` formulas and boxed words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import resources

from swift_deepeyes.counted import counted
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.judge.errors import JudgeError
from swift_deepeyes.judge.judge import Judge
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, QuestionKind, Verdict

LEAST_ACCURACY = 0.9  # the judge without a server has 0.965 on the package's cases
MOST_FALSE_RIGHTS = 0.03  # of the wrong answers
MOST_UNDECIDED = 0.05  # of all cases; the alarm of a run


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

    @property
    def undecided(self) -> int:
        """Cases on which the judge itself gave no verdict that can be read."""
        by_rules = (Decider.RULE_AFTER_FAILURE, Decider.RULE_AFTER_UNREADABLE)
        return sum(
            verdict.decided_by in by_rules or verdict.outcome is Outcome.UNREADABLE
            for verdict in self.verdicts
        )

    @property
    def is_good_enough(self) -> bool:
        """Whether a run can be trusted to it."""
        return not self._reasons

    def conclusion(self) -> str:
        """One sentence: whether this judge is good enough for a run, and why."""
        told = f"{self.accuracy:.1%} of {counted(len(self.cases), 'case')} are decided as labelled"
        if self._reasons:
            return f"This judge is not good enough for a run ({told}): {'; '.join(self._reasons)}."
        return (
            f"This judge is good enough for a run: {told}, and it calls "
            f"{self._false_rights} of {counted(self._wrong_cases, 'wrong answer')} right."
        )

    @property
    def _reasons(self) -> list[str]:
        """What speaks against it, worst first."""
        found = [
            (
                self._false_rights > MOST_FALSE_RIGHTS * self._wrong_cases,
                f"it calls {self._false_rights} of {counted(self._wrong_cases, 'wrong answer')} "
                "right, and training finds what is paid for; take a larger model",
            ),
            (
                self.accuracy < LEAST_ACCURACY,
                f"under {LEAST_ACCURACY:.0%} the reward is mostly noise; take a larger model",
            ),
            (
                self.undecided > MOST_UNDECIDED * len(self.cases),
                f"it gave no readable verdict on {counted(self.undecided, 'case')}, which rules "
                "then decide; look at its replies above and at its log",
            ),
        ]
        return [reason for is_so, reason in found if is_so]

    @property
    def _wrong_cases(self) -> int:
        return sum(not case.right for case in self.cases)

    @property
    def _false_rights(self) -> int:
        return self.confusion()[False, Outcome.RIGHT]


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

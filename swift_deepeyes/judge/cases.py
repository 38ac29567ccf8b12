"""Labelled cases: what a good judge says to hand-written answers of all three data sources.

`cases.jsonl` has one case per line. Each source has its own manner: `vstar` sentences about
colours, positions and objects, `chart` option letters and readings, `thinklite` formulas and words
in boxes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import resources

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.scoring.verdict import JudgeQuestion, Outcome, QuestionKind, Verdict


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

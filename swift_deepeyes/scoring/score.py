"""From trajectories and verdicts to scores: the one place where checks, terms and judge meet.

`score_batch` extracts every row's answer by the rules of the mode, asks for all verdicts at once,
and returns one `SampleScore` per row: rewards, metrics and logs take what they need from it. It
keeps nothing between calls; the judge comes in as a function.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import fmean

from pydantic import ConfigDict, field_validator

from swift_deepeyes.counted import counted
from swift_deepeyes.episode.trajectory import Text
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.scoring.extraction import Extraction
from swift_deepeyes.scoring.official import extract_officially
from swift_deepeyes.scoring.row import RowFault, ScoredRow
from swift_deepeyes.scoring.scheme import (
    REWARD_TERMS,
    JudgedSample,
    ScoringScheme,
    values_of_terms,
    weighted_sum,
)
from swift_deepeyes.scoring.strict import extract_strictly
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, Verdict
from swift_deepeyes.settings import ScoringMode

logger = logging.getLogger(__name__)

AskJudge = Callable[[list[JudgeQuestion]], Awaitable[list[Verdict]]]
"""Asks for all verdicts of a batch, in order (`Judge.verdicts`)."""

_NAMED_FAULTS = 8  # rows that a warning names before it only counts


class SampleScore(FrozenModel):
    """The score of one trajectory, and everything that led to it; without arguments: not scored.

    `terms` holds the value of each reward term by name: `accuracy` 1 or 0, None where nothing could
    judge it (`verdict` unreadable, or `fault`); `format` 0 or -1; `tool` 1 or 0. `total` is their
    weighted sum. Where accuracy is None, it counts the terms that need a verdict as the mean of the
    judged answers to the same question in the batch (0 where there is none), so that GRPO neither
    rewards nor punishes what nobody could read. A row with a `fault` has total 0. `verdict` is None
    where the checks needed no judge. What is no number (NaN, infinity) is None among the terms.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)  # logs of other programs

    scheme: ScoringScheme | None = None
    terms: Mapping[str, float | None] = {}
    total: float = 0.0
    format_errors: tuple[str, ...] = ()
    verdict: Verdict | None = None
    answer: Text | None = None
    crops: int = 0
    fault: RowFault | None = None

    @property
    def accuracy(self) -> float | None:
        """The term of that name."""
        return self.terms.get("accuracy")

    @field_validator("terms")
    @classmethod
    def _numbers(cls, terms: Mapping[str, float | None]) -> dict[str, float | None]:
        return {
            name: None if value is None or not math.isfinite(value) else value
            for name, value in terms.items()
        }


async def score_batch(
    rows: Sequence[ScoredRow], ask_judge: AskJudge, mode: ScoringMode
) -> list[SampleScore]:
    """Score `rows`, in order, with at most one question per row to the judge.

    Rows that cannot be scored get accuracy None and total 0 and are named in one warning. What
    `ask_judge` raises (the judge is away for good) passes through. It is not called without need.
    """
    extractions = [extract(row, mode) for row in rows]
    asked = [
        index
        for index, (row, extraction) in enumerate(zip(rows, extractions, strict=True))
        if extraction.is_judged and row.fault is None
    ]
    questions = [_question(rows[index], extractions[index]) for index in asked]
    verdicts = await ask_judge(questions) if questions else []
    verdict_of = dict(zip(asked, verdicts, strict=True))
    _warn_of_faults(rows)
    scores = [
        score_row(row, extraction, verdict_of.get(index), mode)
        for index, (row, extraction) in enumerate(zip(rows, extractions, strict=True))
    ]
    return _with_neutral_totals(rows, scores)


def extract(row: ScoredRow, mode: ScoringMode) -> Extraction:
    """Apply the mode's rules; where there is no text, there is nothing to judge."""
    if row.transcript is None:
        return Extraction(answer=None, is_judged=False)
    if mode is ScoringMode.OFFICIAL:
        return extract_officially(row.transcript, row.scheme)
    return extract_strictly(row.transcript, row.scheme, row.reference)


def score_row(
    row: ScoredRow, extraction: Extraction, verdict: Verdict | None, mode: ScoringMode
) -> SampleScore:
    """Combine one row's extraction and verdict (None: the checks settled accuracy 0)."""
    sample = JudgedSample(
        scheme=row.scheme,
        accuracy=None if row.fault else _accuracy(verdict, mode),
        extraction=extraction,
        transcript=row.transcript,
    )
    terms = values_of_terms(sample)
    return SampleScore(
        scheme=row.scheme,
        terms=terms,
        total=0.0 if row.fault else weighted_sum(row.scheme, terms),
        format_errors=extraction.errors,
        verdict=verdict,
        answer=extraction.answer,
        crops=extraction.crops,
        fault=row.fault,
    )


def _with_neutral_totals(
    rows: Sequence[ScoredRow], scores: Sequence[SampleScore]
) -> list[SampleScore]:
    """The scores, with totals for unjudged answers that are the mean of their group's judged ones.

    A total of 0 would be the reward of a wrong answer, and move the group's mean.
    """
    judged: dict[tuple[object, ...], list[SampleScore]] = {}
    for row, score in zip(rows, scores, strict=True):
        if score.accuracy is not None:
            judged.setdefault(_prompt(row), []).append(score)
    return [
        _neutral(row.scheme, score, judged[_prompt(row)])
        if score.accuracy is None and not score.fault and _prompt(row) in judged
        else score
        for row, score in zip(rows, scores, strict=True)
    ]


def _neutral(
    scheme: ScoringScheme, score: SampleScore, judged: Sequence[SampleScore]
) -> SampleScore:
    values = {
        name: fmean(other.terms[name] or 0.0 for other in judged) if term.needs_verdict else value
        for (name, term), value in zip(REWARD_TERMS.items(), score.terms.values(), strict=True)
    }
    return score.model_copy(update={"total": weighted_sum(scheme, values)})


def _prompt(row: ScoredRow) -> tuple[object, ...]:
    return row.source, row.index, row.question, row.reference


def _accuracy(verdict: Verdict | None, mode: ScoringMode) -> float | None:
    if verdict is None:
        return 0.0
    is_reply = verdict.decided_by in (Decider.SERVER, Decider.CACHE)
    if verdict.outcome is Outcome.UNREADABLE and not (is_reply and mode is ScoringMode.OFFICIAL):
        return None
    # The official code counts every reply that it cannot read as wrong; it has no rule judge.
    return 1.0 if verdict.is_right else 0.0


def _question(row: ScoredRow, extraction: Extraction) -> JudgeQuestion:
    return JudgeQuestion(
        kind=row.scheme.question_kind,
        question=row.question,
        reference=row.reference,
        answer=extraction.answer or "",
        alternatives=row.alternatives,
    )


def _warn_of_faults(rows: Sequence[ScoredRow]) -> None:
    faulty = [f"{row.name} ({row.fault})" for row in rows if row.fault]
    if faulty:
        named = ", ".join(faulty[:_NAMED_FAULTS])
        more = f" and {len(faulty) - _NAMED_FAULTS} more" if len(faulty) > _NAMED_FAULTS else ""
        logger.warning(
            "%d of %s could not be scored (reward 0, no accuracy): %s%s",
            len(faulty),
            counted(len(rows), "row"),
            named,
            more,
        )

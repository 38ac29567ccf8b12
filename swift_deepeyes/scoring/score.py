"""From trajectories and verdicts to scores: the one place where rules, weights and judge meet.

`score_batch` reads every row by the rules of the mode, asks for all verdicts at once, and returns
one `SampleScore` per row: rewards, metrics and logs take what they need from it. Pure but for the
judge, which comes in as a function.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from statistics import fmean

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.scoring.extraction import Extraction, FormatError
from swift_deepeyes.scoring.official import read_officially
from swift_deepeyes.scoring.row import RowFault, ScoredRow
from swift_deepeyes.scoring.scheme import WEIGHTS, ScoringScheme
from swift_deepeyes.scoring.strict import read_strictly
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, Verdict
from swift_deepeyes.settings import ScoringMode

logger = logging.getLogger(__name__)

AskJudge = Callable[[list[JudgeQuestion]], Awaitable[list[Verdict]]]
"""Asks for all verdicts of a batch, in order (`Judge.verdicts`)."""

_NAMED_FAULTS = 8  # rows that a warning names before it only counts

_warned_sources: set[str] = set()


class SampleScore(FrozenModel):
    """The score of one trajectory, and everything that led to it.

    `accuracy` is 1 or 0, None where nothing could judge it (`verdict` unreadable, or `fault`);
    `format` 0 or -1; `tool` 1 or 0; `total` the weighted sum. Where accuracy is None, the total has
    the mean accuracy and tool score of the judged answers to the same question in the batch (0
    where there is none), so that GRPO neither rewards nor punishes what nobody could read; a format
    error costs the same whether the judge speaks or not. A row with a `fault` has total 0.
    `verdict` is None where the rules needed no judge.
    """

    source: str | None
    index: str | None
    rule: ScoringScheme
    accuracy: float | None
    format: float
    tool: float
    total: float
    format_errors: tuple[FormatError, ...] = ()
    verdict: Verdict | None = None
    answer: str | None = None
    crops: int = 0
    fault: RowFault | None = None


async def score_batch(
    rows: Sequence[ScoredRow], ask_judge: AskJudge, mode: ScoringMode
) -> list[SampleScore]:
    """Score `rows`, in order, with at most one question per row to the judge.

    Rows that cannot be scored get accuracy None and total 0 and are named in one warning. What
    `ask_judge` raises (the judge is away for good) passes through. It is not called without need.
    """
    readings = [read_transcript(row, mode) for row in rows]
    asked = [
        index
        for index, (row, reading) in enumerate(zip(rows, readings, strict=True))
        if reading is not None and reading.is_judged and row.fault is None
    ]
    questions = [_question(rows[index], readings[index]) for index in asked]
    verdicts = await ask_judge(questions) if questions else []
    verdict_of = dict(zip(asked, verdicts, strict=True))
    _warn_of_sources(rows)
    _warn_of_faults(rows)
    scores = [
        score_row(row, reading, verdict_of.get(index), mode)
        for index, (row, reading) in enumerate(zip(rows, readings, strict=True))
    ]
    return _with_neutral_totals(rows, scores)


def read_transcript(row: ScoredRow, mode: ScoringMode) -> Extraction | None:
    """Apply the mode's rules; None where there is no text to read."""
    if row.transcript is None:
        return None
    if mode is ScoringMode.OFFICIAL:
        return read_officially(row.transcript, row.rule)
    return read_strictly(row.transcript, row.rule, row.reference)


def score_row(
    row: ScoredRow, reading: Extraction | None, verdict: Verdict | None, mode: ScoringMode
) -> SampleScore:
    """Combine one row's reading and verdict (None: the rules settled accuracy 0)."""
    if reading is None:
        reading = Extraction(answer=None, is_judged=False)
    accuracy = None if row.fault else _accuracy(verdict, mode)
    format_score = -1.0 if reading.errors else 0.0
    tool = 1.0 if accuracy == 1.0 and reading.crops > 0 else 0.0
    total = 0.0 if row.fault else WEIGHTS[row.rule].total(accuracy or 0.0, format_score, tool)
    return SampleScore(
        source=row.source,
        index=row.index,
        rule=row.rule,
        accuracy=accuracy,
        format=format_score,
        tool=tool,
        total=total,
        format_errors=reading.errors,
        verdict=verdict,
        answer=reading.answer,
        crops=reading.crops,
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
        _neutral(score, judged[_prompt(row)])
        if score.accuracy is None and not score.fault and _prompt(row) in judged
        else score
        for row, score in zip(rows, scores, strict=True)
    ]


def _neutral(score: SampleScore, judged: Sequence[SampleScore]) -> SampleScore:
    accuracy = fmean(other.accuracy or 0.0 for other in judged)
    tool = fmean(other.tool for other in judged)
    total = WEIGHTS[score.rule].total(accuracy, score.format, tool)
    return score.model_copy(update={"total": total})


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


def _question(row: ScoredRow, reading: Extraction | None) -> JudgeQuestion:
    return JudgeQuestion(
        kind=row.rule.question_kind,
        question=row.question,
        reference=row.reference,
        answer=(reading.answer if reading else None) or "",
        alternatives=row.alternatives,
    )


def _warn_of_faults(rows: Sequence[ScoredRow]) -> None:
    faulty = [f"{row.name} ({row.fault})" for row in rows if row.fault]
    if faulty:
        named = ", ".join(faulty[:_NAMED_FAULTS])
        more = f" and {len(faulty) - _NAMED_FAULTS} more" if len(faulty) > _NAMED_FAULTS else ""
        logger.warning(
            "%d of %d rows could not be scored (reward 0, no accuracy): %s%s",
            len(faulty),
            len(rows),
            named,
            more,
        )


def _warn_of_sources(rows: Sequence[ScoredRow]) -> None:
    """Name a source that the method does not know, once per process."""
    for row in rows:
        source = row.source or "(none)"
        if not row.is_known_source and source not in _warned_sources:
            _warned_sources.add(source)
            logger.warning(
                "data_source %r is not one of the method's; its rows are scored by the %s rules",
                source,
                row.rule,
            )

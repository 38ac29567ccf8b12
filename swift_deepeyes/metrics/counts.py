"""The numbers of the training log, from logged trajectories alone.

`sums_of` counts trajectories; sums of samples, ranks and steps add up (`sums`). Because the
live metrics come from the same records that are written to disk, a report made afterwards says the
same. Figures about tools count trajectories that have a tool: rows without one would only dilute
them, by a share that changes with the mix of the batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from swift_deepeyes.episode.trajectory import CallRecord, CallStatus, StopReason, Trajectory
from swift_deepeyes.metrics.sums import MetricSums, merged
from swift_deepeyes.metrics.text_health import is_empty, is_repetitive
from swift_deepeyes.record.crops import crop_areas
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.scoring.format_check import error_names
from swift_deepeyes.scoring.verdict import Decider

PREFIX = "deepeyes/"

REWARD = "reward"  # ms-swift's own
ACCURACY = PREFIX + "accuracy/all"
CROP_SHARE = PREFIX + "crops/share"
TURNS = PREFIX + "turns/mean"
JUDGE_SECONDS = PREFIX + "judge/seconds"  # that scoring waited for all verdicts of a step
FORMAT_ERROR_SHARE = PREFIX + "format_errors/share"
REPETITIVE_SHARE = PREFIX + "text/repetitive"
EMPTY_SHARE = PREFIX + "text/empty"
DEGENERATE_SHARE = PREFIX + "text/degenerate"  # repetitive or empty; by group only
TRUNCATED_SHARE = PREFIX + "text/truncated"
FALLBACK_SHARE = PREFIX + "judge/fallback_share"
FAILED_CALL_SHARE = PREFIX + "judge/failed_call_share"
MASKED_SHARE = PREFIX + "masked/share"  # trajectories that are not trained on
GROUPS_OF_ACCURACY = (PREFIX + "groups/all_right", PREFIX + "groups/all_wrong")
FAILURES = PREFIX + "tool_calls/failed/"
FORMAT_ERRORS = PREFIX + "format_errors/"
ACTIVE_ALARMS = PREFIX + "alarms/active"
SHARES = (CROP_SHARE, FORMAT_ERROR_SHARE, FALLBACK_SHARE, FAILED_CALL_SHARE)
TERMS = PREFIX + "terms/"
KINDS = (FAILURES, FORMAT_ERRORS, PREFIX + "stop/", PREFIX + "judge/")
"""Metrics under these have one name per kind, most of them always 0."""

_NAMED_TURNS = 5
_FALLBACKS = (Decider.RULE_AFTER_FAILURE, Decider.RULE_AFTER_UNREADABLE)
_JUDGE_HIGHS = ("latency_p95", "away_seconds")


def sums_of(records: Iterable[LoggedTrajectory]) -> MetricSums:
    """Count `records`."""
    return merged(_sums_of_one(record) for record in records)


def judge_sums(figures: Mapping[str, float]) -> MetricSums:
    """One batch's judge figures (`JudgeStats.as_metrics()`): counts add up, waits take the longest.

    The median latency of several ranks is the mean of theirs, weighted by the calls behind it.
    """
    sums = MetricSums()
    asked = figures.get("asked", 0.0)
    for name, value in figures.items():
        if name in _JUDGE_HIGHS:
            sums.high(f"{PREFIX}judge/{name}", value)
        elif name.startswith("latency"):
            sums.mean(f"{PREFIX}judge/{name}", value * asked, asked)
        else:
            sums.total(f"{PREFIX}judge/{name}", value)
    calls = asked + figures.get("retries", 0.0)
    sums.mean(FAILED_CALL_SHARE, min(figures.get("failed", 0.0), calls), calls)
    return sums


def masked_sums(is_masked: Iterable[bool]) -> MetricSums:
    """Which trajectories the trainer leaves out of its loss; it alone knows."""
    sums = MetricSums()
    for one in is_masked:
        sums.mean(MASKED_SHARE, one)
    return sums


def worth_a_curve(name: str, value: float) -> bool:
    """False for kinds of things that did not happen; the share of all kinds always has a curve."""
    return bool(value) or name in SHARES or not name.startswith(KINDS)


def _sums_of_one(record: LoggedTrajectory) -> MetricSums:
    sums = MetricSums()
    sums.total(PREFIX + "trajectories", 1)
    if record.trajectory.toolbox is not None:
        _count_calls(sums, record.trajectory)
        _count_crops(sums, record)
        sums.group(CROP_SHARE, record.group, record.trajectory.crops > 0)
        _count_outcome(sums, record)
    _count_turns(sums, record)
    _count_text(sums, record)
    _count_scores(sums, record)
    _count_format_errors(sums, record)
    _count_source(sums, record)
    return sums


def _count_calls(sums: MetricSums, trajectory: Trajectory) -> None:
    calls = list(trajectory.calls)
    name = PREFIX + "tool_calls/"
    sums.mean(name + "mean", len(calls))
    sums.high(name + "max", len(calls))
    sums.low(name + "min", len(calls))
    sums.mean(name + "per_turn", len(calls), len(trajectory.turns))
    sums.mean(name + "success_rate", sum(_is_ok(call) for call in calls), len(calls))
    sums.mean(name + "repeated", len(calls) - _different(calls), len(calls))
    for kind, number in Counter(str(call.status) for call in calls if not _is_ok(call)).items():
        sums.part(FAILURES + kind, number, of=name + "success_rate")


def _count_crops(sums: MetricSums, record: LoggedTrajectory) -> None:
    crops = record.trajectory.crops
    sums.mean(CROP_SHARE, crops > 0)
    sums.mean(PREFIX + "crops/mean", crops)
    for share in crop_areas(record.trajectory, record.image_sizes):
        sums.mean(PREFIX + "crops/area", share)


def _count_outcome(sums: MetricSums, record: LoggedTrajectory) -> None:
    """The 2x2 of tool and right: what the tool is worth, as far as it can be seen."""
    if record.score.accuracy is None:
        return
    has_crop, is_right = record.trajectory.crops > 0, record.score.accuracy >= 1
    side = "with_crop" if has_crop else "without_crop"
    sums.mean(f"{PREFIX}accuracy/{side}", is_right)
    for crop in (True, False):
        for right in (True, False):
            cell = f"{'crop' if crop else 'no_crop'}_{'right' if right else 'wrong'}"
            sums.mean(f"{PREFIX}outcome/{cell}", (crop, right) == (has_crop, is_right))


def _count_turns(sums: MetricSums, record: LoggedTrajectory) -> None:
    trajectory = record.trajectory
    sums.mean(TURNS, len(trajectory.turns))
    sums.high(PREFIX + "turns/max", len(trajectory.turns))
    sums.mean(PREFIX + "images/mean", trajectory.images)
    if trajectory.stop_reason is not None:
        for reason in StopReason:
            sums.mean(f"{PREFIX}stop/{reason}", reason is trajectory.stop_reason)
    unit, lengths = "characters", [len(turn.text) for turn in trajectory.turns]
    if record.turn_tokens:
        unit, lengths = "tokens", list(record.turn_tokens)
    for number, length in enumerate(lengths, start=1):
        turn = f"turn_{number}" if number <= _NAMED_TURNS else "later_turns"
        sums.mean(f"{PREFIX}{unit}/{turn}", length)


def _count_text(sums: MetricSums, record: LoggedTrajectory) -> None:
    texts = [turn.text for turn in record.trajectory.turns]
    repetitive, empty = any(map(is_repetitive, texts)), is_empty(texts)
    sums.mean(REPETITIVE_SHARE, repetitive)
    sums.mean(EMPTY_SHARE, empty)
    sums.group(DEGENERATE_SHARE, record.group, repetitive or empty)
    is_cut = record.trajectory.stop_reason in (StopReason.LENGTH, StopReason.CONTEXT_FULL)
    sums.mean(TRUNCATED_SHARE, is_cut)
    sums.group(TRUNCATED_SHARE, record.group, is_cut)


def _count_scores(sums: MetricSums, record: LoggedTrajectory) -> None:
    sums.mean(PREFIX + "accuracy/unjudged", record.score.accuracy is None)
    if record.score.accuracy is not None:
        sums.mean(ACCURACY, record.score.accuracy)
        sums.member(GROUPS_OF_ACCURACY, record.group, record.score.accuracy)
    if record.score.verdict is not None:
        is_fallback = record.score.verdict.decided_by in _FALLBACKS
        sums.mean(FALLBACK_SHARE, is_fallback)
        sums.group(FALLBACK_SHARE, record.group, is_fallback)


def _count_format_errors(sums: MetricSums, record: LoggedTrajectory) -> None:
    errors = record.score.format_errors
    sums.mean(FORMAT_ERROR_SHARE, bool(errors))
    sums.group(FORMAT_ERROR_SHARE, record.group, bool(errors))
    for error in error_names():
        sums.mean(FORMAT_ERRORS + error, error in errors)


def _count_source(sums: MetricSums, record: LoggedTrajectory) -> None:
    name = f"{PREFIX}source/{_path_part(record.source)}/"
    sums.total(name + "trajectories", 1)
    sums.mean(name + "total", record.score.total)
    for term, value in record.score.terms.items():
        if value is not None:
            sums.mean(name + term, value)
            sums.mean(TERMS + term, value)


def _is_ok(call: CallRecord) -> bool:
    return call.status is CallStatus.OK


def _different(calls: list[CallRecord]) -> int:
    """How many different calls there are; malformed ones cannot be told apart and all count."""
    known = [call for call in calls if call.arguments is not None]
    return len({(call.name, repr(call.arguments)) for call in known}) + len(calls) - len(known)


def _path_part(source: str | None) -> str:
    """A source's name as one part of a metric's name."""
    return "_".join((source or "unknown").replace("/", "_").split())

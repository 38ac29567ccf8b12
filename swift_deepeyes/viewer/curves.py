"""The curves on top of the page: one point a step, from the metrics file or the trajectories.

The metrics file is preferred, because it averages over everything that was rolled out, while the
trajectories may be a sample. Without it the same metrics are counted in the trajectories, by the
same code that the training used. A curve says where its points come from.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.metrics.counts import CROP_SHARE, FORMAT_ERROR_SHARE, PREFIX, TERMS, sums_of
from swift_deepeyes.record.record import LoggedTrajectory, MetricsLine
from swift_deepeyes.viewer.metric_groups import group_of, place_of

Point = tuple[int, float]
Steps = Mapping[int, list[LoggedTrajectory]]

_FROM_FILE = "metrics file"
_FROM_TRAJECTORIES = "counted in the logged trajectories"


class CurveUnit(StrEnum):
    """How the page writes a value: a share as percent, anything else as a number."""

    SHARE = "share"
    NUMBER = "number"


class Curve(FrozenModel):
    """One value over the steps. `origin` is where the points come from, for the reader.

    `falls` asks the page to mark where the curve fell under half of its peak for good; `group` is
    what it is about, among the metrics of a file.
    """

    title: str
    unit: CurveUnit
    points: tuple[Point, ...]
    origin: str
    falls: bool = False
    group: str = ""


class Stack(FrozenModel):
    """Numbers by kind over the steps, one bar a step; `kinds` in drawing order."""

    title: str
    unit: CurveUnit
    steps: tuple[int, ...]
    kinds: Mapping[str, tuple[float, ...]]


class _Chosen(FrozenModel):
    """A metric that every page shows."""

    title: str
    unit: CurveUnit
    name: str
    falls: bool = False


# As accuracy, as format errors, and as crops of right answers.
_TERMS_WITH_A_CURVE = ("accuracy", "format", "tool")
_REWARD = _Chosen(title="Reward", unit=CurveUnit.NUMBER, name="reward")
_CHOSEN = (
    _REWARD,
    _Chosen(title="Accuracy", unit=CurveUnit.SHARE, name=PREFIX + "accuracy/all"),
    _Chosen(title="Format errors", unit=CurveUnit.SHARE, name=FORMAT_ERROR_SHARE),
    _Chosen(title="With a crop", unit=CurveUnit.SHARE, name=CROP_SHARE, falls=True),
    _Chosen(
        title="Calls per trajectory",
        unit=CurveUnit.NUMBER,
        name=PREFIX + "tool_calls/mean",
        falls=True,
    ),
    _Chosen(
        title="Calls that worked", unit=CurveUnit.SHARE, name=PREFIX + "tool_calls/success_rate"
    ),
    _Chosen(title="Area of a crop", unit=CurveUnit.SHARE, name=PREFIX + "crops/area"),
    _Chosen(title="Turns", unit=CurveUnit.NUMBER, name=PREFIX + "turns/mean"),
)


def main_curves(
    items: Sequence[LoggedTrajectory], metrics: Sequence[MetricsLine]
) -> tuple[Curve, ...]:
    """The curves that every page shows."""
    counted = counted_metrics(items)
    return tuple(_curve(chosen, metrics, counted) for chosen in (*_CHOSEN, *_of_terms(items)))


def _of_terms(items: Sequence[LoggedTrajectory]) -> Iterator[_Chosen]:
    """A curve for every term of the reward that has none among the chosen."""
    for name in names_of_terms(items):
        if name not in _TERMS_WITH_A_CURVE:
            title = f"Reward term: {name.replace('_', ' ')}"
            yield _Chosen(title=title, unit=CurveUnit.NUMBER, name=TERMS + name)


def names_of_terms(items: Sequence[LoggedTrajectory]) -> tuple[str, ...]:
    """The reward's terms that occur in a log, in the order in which they are summed."""
    return tuple(dict.fromkeys(name for item in items for name in item.score.terms))


def all_metrics(metrics: Sequence[MetricsLine]) -> tuple[Curve, ...]:
    """Every value of the metrics file under its own name, by group."""
    points: dict[str, list[Point]] = defaultdict(list)
    for line in metrics:
        for name, value in line.values.items():
            points[name].append((line.step, value))
    return tuple(
        Curve(
            title=name,
            unit=CurveUnit.NUMBER,
            points=tuple(points[name]),
            origin=_FROM_FILE,
            group=group_of(name),
        )
        for name in sorted(points, key=place_of)
    )


def counted_metrics(items: Sequence[LoggedTrajectory]) -> tuple[MetricsLine, ...]:
    """The metrics of each step, counted in its trajectories."""
    return tuple(
        MetricsLine(
            step=step,
            values={
                **sums_of(members).values(),
                **_reward(members),
            },
        )
        for step, members in by_step(items).items()
    )


def _reward(items: Sequence[LoggedTrajectory]) -> dict[str, float]:
    totals = [item.score.total for item in items if math.isfinite(item.score.total)]
    return {_REWARD.name: math.fsum(totals) / len(totals)} if totals else {}


def stacks(items: Sequence[LoggedTrajectory]) -> tuple[Stack, ...]:
    """What became of the calls, and why the episodes ended: the first places to look."""
    steps = by_step(items)
    with_tool = by_step([item for item in items if item.trajectory.toolbox is not None])
    calls = {
        step: [str(call.status) for item in members for call in item.trajectory.calls]
        for step, members in with_tool.items()
    }
    stops = {
        step: [str(item.trajectory.stop_reason or "unknown") for item in members]
        for step, members in steps.items()
    }
    return (
        _stack(
            "What became of the calls, per trajectory", CurveUnit.NUMBER, calls, with_tool, "ok"
        ),
        _stack("Why episodes ended", CurveUnit.SHARE, stops, steps, "answered"),
    )


def by_step(items: Sequence[LoggedTrajectory]) -> Steps:
    """Trajectories by step; those of the training split alone where there are several splits."""
    train = [item for item in items if item.split == "train"]
    steps: dict[int, list[LoggedTrajectory]] = defaultdict(list)
    for item in sorted(train or items, key=lambda item: item.step):
        steps[item.step].append(item)
    return steps


def _curve(
    chosen: _Chosen, metrics: Sequence[MetricsLine], counted: Sequence[MetricsLine]
) -> Curve:
    points, origin = _points(chosen.name, metrics), f"{_FROM_FILE}: {chosen.name}"
    if not points:
        points, origin = _points(chosen.name, counted), _FROM_TRAJECTORIES
    return Curve(
        title=chosen.title, unit=chosen.unit, points=points, origin=origin, falls=chosen.falls
    )


def _points(name: str, lines: Sequence[MetricsLine]) -> tuple[Point, ...]:
    return tuple((line.step, line.values[name]) for line in lines if name in line.values)


def _stack(
    title: str, unit: CurveUnit, kinds_of_step: Mapping[int, list[str]], steps: Steps, first: str
) -> Stack:
    """Kinds per trajectory of a step; the good kind first, then by frequency."""
    counts = {step: Counter(kinds) for step, kinds in kinds_of_step.items()}
    total: Counter[str] = sum(counts.values(), Counter())
    names = sorted(total, key=lambda name: (name != first, -total[name], name))
    shares = {
        name: tuple(counts[step][name] / len(steps[step]) for step in counts) for name in names
    }
    return Stack(title=title, unit=unit, steps=tuple(counts), kinds=shares)

"""What is known of a run from the lines read so far, and a frozen view of it to show."""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dateutil.parser import isoparse

from swift_deepeyes.metrics.counts import ACTIVE_ALARMS, REWARD, sums_of
from swift_deepeyes.metrics.pace import Pace
from swift_deepeyes.metrics.step_line import step_line
from swift_deepeyes.metrics.sums import MetricSums
from swift_deepeyes.record.follower import NewLines
from swift_deepeyes.record.reader import Skipped
from swift_deepeyes.record.record import AlarmLine, LoggedTrajectory, MetricsLine, RunInfo
from swift_deepeyes.watching.curves import NAMES, WatchedCurve, curves_of

_KEPT_TRAJECTORIES = 512
_KEPT_ALARMS = 3
_WANTED = NAMES | {ACTIVE_ALARMS}
TRAIN = "train"  # as the kind of a run, and as the split of a trajectory
MAX_STEPS = "max_steps"
"""The run's setting that says how many steps it has."""


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at one moment. Times are seconds; None: the log does not say.

    `trajectories`: the last ones, newest first, one of each prompt. `written`: when the last step
    was logged, since the epoch. `is_counted`: the curves are counted in the trajectories that were
    read, as there is no file of metrics.
    """

    run: RunInfo | None
    step: int | None
    steps: int | None
    values: Mapping[str, float]
    seconds_left: float | None
    written: float | None
    curves: tuple[WatchedCurve, ...]
    trajectories: tuple[LoggedTrajectory, ...]
    seen: int
    alarms: tuple[AlarmLine, ...]
    active_alarms: int
    is_counted: bool
    skipped: Skipped

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the run is there to show."""
        return self.step is None and not self.trajectories and not self.alarms

    @property
    def is_training(self) -> bool:
        """Whether it has steps; an evaluation has none."""
        return _is_training(self.run)


class RunState:
    """Takes in new lines; holds the few metrics that are drawn, and the last trajectories."""

    def __init__(self) -> None:
        self._run: RunInfo | None = None
        self._metrics: dict[int, dict[str, float]] = {}
        self._counts: dict[int, MetricSums] = defaultdict(MetricSums)
        self._recent: deque[LoggedTrajectory] = deque(maxlen=_KEPT_TRAJECTORIES)
        self._seen: Counter[int] = Counter()  # trajectories by step
        self._alarms: deque[AlarmLine] = deque(maxlen=_KEPT_ALARMS)
        self._pace = Pace()
        self._written: float | None = None
        self._step: int | None = None
        self._skipped = Skipped()

    def take(self, new: NewLines) -> list[str]:
        """Take in what is new; returns a line for each step and alarm of it."""
        self._skipped.add(new.skipped)
        if new.run != self._run:
            self._run, self._pace = new.run, Pace()
            if new.run is not None and new.run.resumed_at is not None:
                self._forget_after(new.run.resumed_at)
        self._alarms.extend(new.alarms)
        steps = [line.step for line in new.metrics if self._take_metrics(line)]
        self._take_trajectories(new.trajectories)
        alarms = (f"alarm at step {alarm.step}: {alarm.text}" for alarm in new.alarms)
        return [*self._lines(steps or self._newly_counted()), *alarms]

    def view(self) -> RunView:
        """The run as it is known now."""
        steps, is_counted = self._metrics, False
        if not steps:
            steps, is_counted = self._counted(), True
        step = self._step if not is_counted else max(steps, default=None)
        total, values = _total(self._run), steps.get(step, {}) if step is not None else {}
        return RunView(
            run=self._run,
            step=step,
            steps=total,
            values=values,
            seconds_left=None if total is None else self._pace.left(total),
            written=self._written,
            curves=curves_of(steps),
            trajectories=tuple(self._one_of_each_prompt()),
            seen=self._seen.total(),
            alarms=tuple(self._alarms),
            active_alarms=int(values.get(ACTIVE_ALARMS, 0)),
            is_counted=is_counted,
            skipped=self._skipped,
        )

    def _forget_after(self, step: int) -> None:
        """The run was resumed there: what was read of later steps is superseded."""
        for by_step in (self._metrics, self._counts, self._seen):
            for later in [one for one in by_step if one > step]:
                del by_step[later]
        for recent in [one for one in self._recent if one.step > step]:
            self._recent.remove(recent)
        for alarm in [one for one in self._alarms if one.step > step]:
            self._alarms.remove(alarm)
        if self._step is not None:
            self._step = min(self._step, step)

    def _lines(self, steps: Sequence[int]) -> Iterator[str]:
        metrics, total = self._metrics or self._counted(), _total(self._run)
        for step in steps:
            left = self._pace.left(total) if total and step == self._step else None
            line = step_line(step, total, metrics.get(step, {}), left)
            if line is not None:
                yield line

    def _newly_counted(self) -> list[int]:
        """Steps that are over, of a log without metrics: a later one has begun."""
        if self._metrics:
            return []
        over = sorted(self._counts)[:-1]
        said = self._step if self._step is not None else -1
        self._step = max(over, default=self._step)
        return [step for step in over if step > said]

    def _take_trajectories(self, items: Iterable[LoggedTrajectory]) -> None:
        """By step, as files of several ranks come one after the other."""
        ordered = sorted(items, key=lambda item: item.step)
        self._recent.extend(ordered)
        self._seen.update(item.step for item in ordered)
        if not self._metrics:
            for item in ordered:
                if item.split == TRAIN or not _is_training(self._run):
                    self._count(item)

    def _count(self, item: LoggedTrajectory) -> None:
        sums = self._counts[item.step]
        # Groups are for alarms, and grow without end.
        sums.add(replace(sums_of([item]), groups={}, unanimous={}))
        sums.mean(REWARD, item.score.total)

    def _counted(self) -> dict[int, dict[str, float]]:
        return {step: _wanted(sums.values()) for step, sums in self._counts.items()}

    def _take_metrics(self, line: MetricsLine) -> bool:
        """Take a step's line in; False where it only adds to the step before (an evaluation)."""
        is_new = line.step != self._step
        if self._step is not None and line.step < self._step:  # resumed: later ones come again
            self._metrics = {s: values for s, values in self._metrics.items() if s < line.step}
        wanted = {
            name: line.values[name] for name in (*NAMES, ACTIVE_ALARMS) if name in line.values
        }
        self._metrics[line.step] = wanted
        self._step = line.step
        if line.written is not None and math.isfinite(line.written):
            self._written = line.written
            if is_new and line.written >= _started(self._run):
                self._pace.reach(line.step, line.written)
        return is_new

    def _one_of_each_prompt(self) -> Iterable[LoggedTrajectory]:
        shown: set[tuple[int, str, str]] = set()
        for item in sorted(self._recent, key=lambda item: item.step)[::-1]:
            key = item.step, item.split, item.group
            if key not in shown:
                shown.add(key)
                yield item


def _wanted(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name in _WANTED}


def _is_training(run: RunInfo | None) -> bool:
    return run is None or run.kind == TRAIN


def _total(run: RunInfo | None) -> int | None:
    text = run.settings.get(MAX_STEPS, "") if run is not None else ""
    return int(text) or None if text.isdecimal() and len(text) < 10 else None


def _started(run: RunInfo | None) -> float:
    """When the run began, seconds since the epoch; long ago where the log does not say."""
    try:
        return isoparse(run.started).timestamp() if run is not None else -math.inf
    except (ValueError, OverflowError, OSError):
        return -math.inf

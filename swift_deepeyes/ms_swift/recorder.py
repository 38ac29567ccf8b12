"""What the reward functions see, kept until the trainer's step ends: for metrics and for the log.

Reward functions know the trajectories, the trainer's callback (`metrics`) knows steps, ranks and
advantages; both meet here, in each process. Nothing here talks to other ranks, and nothing raises:
an error in bookkeeping is reported once and must not end a run.
"""

from __future__ import annotations

import atexit
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from swift_deepeyes.judge import Judge
from swift_deepeyes.metrics.counts import judge_sums, masked_sums, sums_of
from swift_deepeyes.metrics.sums import MetricSums
from swift_deepeyes.ms_swift.records import BatchPlace, images_of, record_of
from swift_deepeyes.record.record import AlarmLine, LoggedTrajectory, MetricsLine, RunInfo
from swift_deepeyes.record.superseded import set_aside
from swift_deepeyes.record.writer import Quota, Staged, TrajectoryLog
from swift_deepeyes.scoring.row import ScoredRow
from swift_deepeyes.scoring.score import SampleScore
from swift_deepeyes.settings import Settings

logger = logging.getLogger(__name__)

_GIGABYTE = 10**9


@dataclass(frozen=True, slots=True)
class Told:
    """What the trainer made of this rank's last batch, in its order.

    `places`: with dynamic sampling, where a trajectory stands in that order, by its id. What the
    trainer keeps then comes from several batches and ranks, and the rest is not trained on.
    """

    rewards: Mapping[str, Sequence[float | None]]
    advantages: Sequence[float]
    places: Mapping[str, int] | None = None

    def update(self, record: LoggedTrajectory, place: int) -> LoggedTrajectory:
        """The record with its outcome, where it has one; `place`: in its own batch."""
        at = place if self.places is None else self.places.get(record.id)
        if at is None:
            return record
        rewards = {name: of[at] for name, of in self.rewards.items()}
        return record.model_copy(update={"advantage": self.advantages[at], "rewards": rewards})


@dataclass(frozen=True, slots=True)
class _Pending:
    """A batch whose images are staged; `places` are its records' places among the `size` scored."""

    staged: Staged
    records: list[LoggedTrajectory]
    places: list[int]
    size: int


class Recorder:
    """One per process (`process.recorder`)."""

    def __init__(self, chosen: Settings) -> None:
        self.batches = 0
        """How many batches were scored: the same on all ranks, even where recording failed."""

        self.locate: Callable[[], BatchPlace] | None = None
        """Where in the run the trainer is; None as long as no trainer's callback has come."""

        self.kept: Sequence[str] = ()
        """With dynamic sampling, the ids of what is trained on next, in order, over all ranks."""

        self._settings = chosen
        self._tally = MetricSums()
        self._pending: list[_Pending] = []
        self._log: TrajectoryLog | None = None
        self._has_failed = False

    def observe(
        self,
        rows: Sequence[ScoredRow],
        scores: Sequence[SampleScore],
        columns: Mapping[str, object],
    ) -> None:
        """Take in a batch that was just scored; `columns` are the reward function's."""
        self.batches += 1
        self.guard(lambda: self._observe(rows, scores, columns))

    def keep(self, ids: Sequence[str]) -> None:
        """Take in what dynamic sampling keeps (`kept`)."""
        self.kept = ids

    def observe_judge(self, judge: Judge, seconds: float) -> None:
        """Take in what the judge did for its last batch, and how long that took."""

        def add() -> None:
            figures = {**judge.stats.as_metrics(), "seconds": seconds}
            self._tally.add(judge_sums(figures))

        self.guard(add)

    def guard(self, work: Callable[[], None]) -> None:
        """Do some bookkeeping; its first error is reported, and ends bookkeeping, not the run."""
        if self._has_failed:
            return
        try:
            work()
        except Exception:
            self._has_failed = True
            logger.exception("Metrics and trajectories are no longer recorded; training goes on")

    def take_tally(self) -> MetricSums:
        """What was counted since the last call."""
        tally, self._tally = self._tally, MetricSums()
        return tally

    def finish(self, tell: Callable[[int], Told | None]) -> None:
        """Write the batches scored so far. `tell` gives the outcome of the last one, by its size.

        Earlier ones came to the trainer in parts, unless it says which trajectories it means.
        """
        pending, self._pending = self._pending, []

        def write() -> None:
            told = tell(pending[-1].size) if pending else None
            for batch in pending:
                is_meant = batch is pending[-1] or (told is not None and told.places is not None)
                self._write(batch, told if is_meant else None)

        self.guard(write)
        self.kept = ()

    @property
    def is_first_of_machine(self) -> bool:
        """Whether this process does what one of a machine is enough for."""
        return _number("LOCAL_RANK", 0) == 0

    def set_aside(self, step: int, name: str) -> int:
        """Move the log's lines of steps after this one to `superseded/NAME`; returns how many."""
        if self.log_folder is None:
            return 0
        try:
            return set_aside(self.log_folder, step, name)
        except OSError as error:
            logger.error(
                "What %s, which is DEEPEYES_LOG_DIR, holds of steps after %s cannot be set aside: "
                "they will be there twice (training goes on): %s",
                self.log_folder,
                step,
                error,
            )
            return 0

    def settle(self) -> None:
        """Wait until the log has all of the step: a checkpoint is about to be written of it."""
        if self._log is not None and not self._log.settle():
            logger.warning(
                "A checkpoint is written before its step is in the log, which is slow or failed: "
                "a run that is resumed there may lack trajectories"
            )

    def write_run(self, info: RunInfo) -> None:
        """Say in the log directory what the run is."""
        if (log := self._open_log()) is not None:
            log.write_run(info)

    def write_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Write a step's line of metrics."""
        if (log := self._open_log()) is not None:
            log.write_metrics(MetricsLine(step=step, values=values, written=time.time()))

    def write_alarm(self, line: AlarmLine) -> None:
        """Write an alarm."""
        if (log := self._open_log()) is not None:
            log.write_alarm(line)

    def close(self) -> None:
        """Write what is left; the next batch would open the log again."""
        self.finish(lambda size: None)
        if self._log is not None:
            self._log.close()
            self._log = None

    def _observe(
        self,
        rows: Sequence[ScoredRow],
        scores: Sequence[SampleScore],
        columns: Mapping[str, object],
    ) -> None:
        batch = self.locate() if self.locate is not None else _batch_without_trainer(columns)
        of_rows = [_row_of(columns, index) for index in range(len(rows))]
        records = [
            record_of(row, score, of_row, batch, (index, len(rows)))
            for index, (row, score, of_row) in enumerate(zip(rows, scores, of_rows, strict=True))
        ]
        self._tally.add(sums_of(records))
        if batch.masks_truncated:
            self._tally.add(masked_sums(row.get("is_truncated") is True for row in of_rows))
        log = self._open_log()
        places = [i for i, record in enumerate(records) if self._is_sampled(record.group)]
        if log is not None and places:
            staged = log.stage([images_of(of_rows[place]) for place in places])
            chosen = [records[place] for place in places]
            self._pending.append(_Pending(staged, chosen, places, len(rows)))
            if self.locate is None:  # nobody will call `finish`
                self.finish(lambda size: None)

    def _is_sampled(self, group: str) -> bool:
        """The same on every rank for all of a group, so that groups stay whole."""
        number = int.from_bytes(sha256(group.encode()).digest()[:8]) / 2**64
        return number < self._settings.log_sample

    def _write(self, batch: _Pending, told: Told | None) -> None:
        records = batch.records
        if told is not None:
            records = [told.update(*one) for one in zip(records, batch.places, strict=True)]
        if self._log is not None:
            self._log.write(batch.staged, records)

    @cached_property
    def log_folder(self) -> Path | None:
        """Where trajectories are written; None: nowhere."""
        chosen = self._settings.log_dir
        try:
            return None if chosen is None else chosen.expanduser()
        except RuntimeError as error:  # `~` of a user who has no home here
            logger.error(
                "Trajectories are not logged (training goes on): DEEPEYES_LOG_DIR=%s: %s. "
                "The fix: an absolute path",
                chosen,
                error,
            )
            return None

    def _open_log(self) -> TrajectoryLog | None:
        if self._log is None and (folder := self.log_folder) is not None:
            quota = Quota(
                rank=_number("RANK", 0),
                ranks=_number("WORLD_SIZE", 1),
                limit_bytes=int(self._settings.log_max_gb * _GIGABYTE),
                prunes=self.is_first_of_machine,
            )
            self._log = TrajectoryLog(folder, quota)
            atexit.register(self.close)
        return self._log


def _row_of(columns: Mapping[str, object], index: int) -> dict[str, object]:
    return {
        name: column[index]
        for name, column in columns.items()
        if isinstance(column, list | tuple) and index < len(column)
    }


def _batch_without_trainer(columns: Mapping[str, object]) -> BatchPlace:
    """What is known where no callback of ours runs: Megatron, or a trainer of the user's own."""
    step = getattr(columns.get("trainer_state"), "global_step", None)
    return BatchPlace(step=0 if step is None else step + 1, rank=_number("RANK", 0))


def _number(variable: str, default: int) -> int:
    """A launcher's variable; some set them to nothing."""
    value = os.environ.get(variable, "")
    return int(value) if value.isdecimal() else default

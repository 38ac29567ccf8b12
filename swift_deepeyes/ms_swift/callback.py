"""Callback `deepeyes_metrics`: brings what the rewards saw into the training log, over all ranks.

Sums and counts are gathered once per step and divided afterwards. Every rank takes part in every
step's gathering, with empty sums if it has nothing: a condition that holds on one rank only would
leave the others waiting for ever. It is added to every GRPO trainer; a run without a reward of ours
does not notice.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from accelerate.utils import gather_object
from transformers import TrainerCallback

from swift_deepeyes.metrics.alarms import Watch, watched
from swift_deepeyes.metrics.counts import ACTIVE_ALARMS, JUDGE_SECONDS, PREFIX, worth_a_curve
from swift_deepeyes.metrics.share import Share
from swift_deepeyes.metrics.sums import MetricSums, merged
from swift_deepeyes.ms_swift.beginning import Beginning, hide_later_curves, own_the_log
from swift_deepeyes.ms_swift.checks.pixels import remember_views
from swift_deepeyes.ms_swift.checks.thinking import remember_template
from swift_deepeyes.ms_swift.compat import add_callback, equip
from swift_deepeyes.ms_swift.memory import RunMemory, keep, recall
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.recorder import Told
from swift_deepeyes.ms_swift.records import EVAL, TRAIN, BatchPlace
from swift_deepeyes.ms_swift.resampling import watch_resampling
from swift_deepeyes.ms_swift.resuming import drawn, follow_rows
from swift_deepeyes.ms_swift.run_info import run_info
from swift_deepeyes.ms_swift.speech.banner import Facts
from swift_deepeyes.ms_swift.speech.speech import Speech
from swift_deepeyes.record.record import AlarmLine

logger = logging.getLogger(__name__)

NAME = "deepeyes_metrics"
_EQUAL_GROUPS = "frac_reward_zero_std"  # ms-swift's own name


class DeepEyesMetrics(TrainerCallback):
    """Metrics, alarms and the trajectory log of one trainer."""

    def __init__(self, args: Any, trainer: Any) -> None:
        self.args, self.trainer = args, trainer
        self._run = _run_id(time.time())
        self._watch = Watch()
        self._curves: set[str] = set()
        self._line: dict[str, float] = {}
        self._line_step = -1
        self._batches = 0
        self._windows = {TRAIN: _Window(), EVAL: _Window()}
        self._equal_seen = 0
        self._speech = Speech()
        process.recorder.locate = self._locate

    def on_train_begin(
        self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **kwargs: Any
    ) -> None:
        """Agree on a name for this run, go on where it was, and say and write what it is."""
        equip(self.trainer)
        watch_resampling(self.trainer, process.recorder.keep)
        process.remember_arguments(args)
        remember_views(self.trainer)
        remember_template(self.trainer)
        self._run = gather_object([self._run])[0]
        beginning = self._begin(state, train_dataloader)
        if state.is_world_process_zero:
            facts = self._speech.introduce(self.trainer, self.args, beginning)
            process.recorder.guard(lambda: self._write_run(facts, beginning.step))

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The first one says when the steps of this run begin, also of a resumed one."""
        self._speech.reach(state.global_step)

    def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the batch that was generated in this micro-step, if one was."""
        process.recorder.finish(self._tell)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Bring the step's metrics into the log that the trainer is about to write."""
        self._speech.reach(state.global_step)
        process.recorder.finish(self._tell)
        if process.recorder.batches:  # else there is no reward of ours, on any rank
            tally = _over_ranks()
            process.recorder.guard(lambda: self._report(state.global_step, tally))
            self._remember(state)
        if getattr(control, "should_save", False):
            process.recorder.settle()

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The same for a step of evaluation, without alarms."""
        process.recorder.finish(self._tell)
        if process.recorder.batches:
            tally = _over_ranks()
            process.recorder.guard(lambda: self._report_evaluation(tally))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Write what the trainer logs, ours and its own, beside the trajectories; say the step."""
        if not state.is_world_process_zero or not logs or "train_runtime" in logs:
            return
        process.recorder.guard(lambda: self._write_line(state.global_step, logs))
        self._speech.say_step(state.global_step, state.max_steps, logs)
        if getattr(control, "should_save", False):
            process.recorder.settle()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Wait for the disk."""
        process.recorder.guard(process.recorder.close)

    def _begin(self, state: Any, rows: Any) -> Beginning:
        """Be where the run was after the step that is done, on every rank; then own the log."""
        memory, accelerator = recall(state) if state.global_step else None, self.trainer.accelerator
        known = memory or RunMemory()
        if rows is not None:
            before = known.drawn_by(accelerator.process_index, accelerator.num_processes)
            follow_rows(self.trainer, rows, state.global_step, before)
        process.recorder.guard(lambda: self._watch.recall(known.observed))
        self._curves.update(known.curves)
        moved, aside = own_the_log(self._run, state.global_step)
        if state.global_step:
            hide_later_curves(self.trainer, state.global_step)
        checkpoint = getattr(self.args, "resume_from_checkpoint", None)
        return Beginning(state.global_step, checkpoint, memory is not None, moved, aside)

    def _remember(self, state: Any) -> None:
        """Have the next checkpoint know what this run must not forget; every rank takes part."""
        of_ranks = tuple(gather_object([drawn(self.trainer)]))

        def remember() -> None:
            observed, curves = tuple(self._watch.observed), tuple(sorted(self._curves))
            keep(state, RunMemory(observed=observed, curves=curves, drawn=of_ranks))

        process.recorder.guard(remember)

    def _write_run(self, facts: Facts, step: int) -> None:
        process.recorder.write_run(run_info(self.args, self.trainer, facts, step))

    def _write_line(self, step: int, logs: Mapping[str, Any]) -> None:
        if step != self._line_step:
            self._line, self._line_step = {}, step
        # An evaluation is logged at the step of the training before it; readers keep one line.
        self._line |= {
            name: float(value)
            for name, value in logs.items()
            if isinstance(value, int | float) and math.isfinite(value)
        }
        process.recorder.write_metrics(step, self._line)

    def _report(self, step: int, tally: MetricSums) -> None:
        batches = process.recorder.batches
        new_batches, self._batches = batches - self._batches, batches
        if not tally.totals:  # a step that trains on what an earlier one generated
            return
        is_new_log = self._show(TRAIN, tally)
        equal = self._equal_groups(tally, new_batches, is_new_log)
        for alarm in self._watch.observe(step, watched(tally, equal)):
            if self.trainer.state.is_world_process_zero:
                logger.warning("%s", alarm)
                process.recorder.write_alarm(
                    AlarmLine(step=step, signal=alarm.signal, text=alarm.what)
                )
        self.trainer._metrics[TRAIN][ACTIVE_ALARMS] = [float(len(self._watch.active))]

    def _report_evaluation(self, tally: MetricSums) -> None:
        if tally.totals:
            self._show(EVAL, tally)

    def _locate(self) -> BatchPlace:
        trainer = self.trainer
        is_training = trainer.model.training
        generations = trainer.num_generations
        if not is_training:
            generations = getattr(trainer, "num_generations_eval", generations)
        return BatchPlace(
            run=self._run,
            number=process.recorder.batches,
            # The step that is being made; the trainer counts it when it is done.
            step=trainer.state.global_step + is_training,
            rank=trainer.accelerator.process_index,
            split=TRAIN if is_training else EVAL,
            group_size=None if _is_dynamic(trainer) else generations,
            masks_truncated=bool(is_training and getattr(trainer, "overlong_filter", False)),
        )

    def _tell(self, size: int) -> Told | None:
        """Of what the trainer keeps of its last batch, over all ranks: the part of this rank."""
        trainer, ids = self.trainer, process.recorder.kept
        is_resampled = trainer.model.training and trainer.dynamic_sample
        total = len(ids) if is_resampled else size * trainer.accelerator.num_processes
        if _is_dynamic(trainer) or not 0 < total <= len(trainer._logs["advantages"]):
            return None
        start = 0 if is_resampled else trainer.accelerator.process_index * size
        mine = slice(start, total if is_resampled else start + size)
        return Told(
            rewards={
                name: [None if value != value else value for value in list(values)[-total:][mine]]
                for name, values in trainer._logs["rewards"].items()
            },
            advantages=list(trainer._logs["advantages"])[-total:][mine],
            places={one: at for at, one in enumerate(ids)} if is_resampled else None,
        )

    def _equal_groups(self, tally: MetricSums, batches: int, is_new_log: bool) -> Share:
        """In how many groups the rewards are equal: ms-swift's own share, of this step's groups.

        It tells one share for each batch that is trained on; dynamic sampling scores more of them.
        """
        told = self.trainer._metrics[TRAIN].get(_EQUAL_GROUPS, [])
        seen, self._equal_seen = 0 if is_new_log else self._equal_seen, len(told)
        shares = told[seen:][-batches:]
        if not shares or not batches:
            return Share()
        scored = tally.totals.get(PREFIX + "trajectories", 0.0) / self.trainer.num_generations
        groups = scored / batches * len(shares)
        return Share(math.fsum(shares) / len(shares) * groups, groups)

    def _show(self, mode: str, tally: MetricSums) -> bool:
        """Bring a step, or a batch of evaluation, into the next log; True where it is its first.

        The trainer logs the mean of what is appended for each step or batch. That would weigh
        batches alike, whatever they hold; so all of them are counted together, and one value stays.
        """
        metrics = self.trainer._metrics[mode]
        is_new_log = PREFIX + "trajectories" not in metrics  # the trainer has logged and cleared it
        if is_new_log:
            self._windows[mode] = _Window()
        self._windows[mode].add(tally)
        values = self._windows[mode].values(per_step=mode == TRAIN)
        self._curves.update(name for name, value in values.items() if worth_a_curve(name, value))
        for name, value in values.items():
            if name in self._curves:  # without what has not happened yet in this run
                metrics[name] = [value]
        return is_new_log


class _Window:
    """What was counted since the trainer's last log."""

    def __init__(self) -> None:
        self._tally = MetricSums()
        self._steps = 0

    def add(self, tally: MetricSums) -> None:
        """One more step, or one more batch of evaluation."""
        self._tally.add(tally.settled())
        self._steps += bool(tally.totals)

    def values(self, per_step: bool) -> dict[str, float]:
        """The metrics; `per_step`: numbers of things are those of one step, not of all."""
        steps = self._steps if per_step and self._steps else 1
        totals = {name: total / steps for name, total in self._tally.totals.items()}
        return replace(self._tally, totals=totals).values()


def install_metrics() -> None:
    """Register the callback, and add it to every GRPO trainer. Idempotent.

    A callback that must be asked for by a flag is missing in the run that would have needed it.
    """
    add_callback(NAME, DeepEyesMetrics)


def _over_ranks() -> MetricSums:
    parts = gather_object([process.recorder.take_tally()])
    tally = merged(parts)
    if JUDGE_SECONDS in tally.totals:  # ranks wait side by side: the slowest one's wait counts
        tally.totals[JUDGE_SECONDS] = max(part.totals.get(JUDGE_SECONDS, 0.0) for part in parts)
    return tally


def _is_dynamic(trainer: Any) -> bool:
    """True where a scheduler of the user's own splits trajectories into several samples."""
    return bool(getattr(trainer, "dynamic_num_samples", False))


def _run_id(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%m%d%H%M%S")

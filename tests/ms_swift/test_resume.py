"""A run that goes on from a checkpoint: rows, alarms, curves and log are where they were."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from accelerate import Accelerator, skip_first_batches
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerState, TrainingArguments
from trl.trainer.grpo_trainer import RepeatSampler

from swift_deepeyes.metrics.alarm_texts import Signal
from swift_deepeyes.metrics.alarms import Watch
from swift_deepeyes.metrics.share import Share
from swift_deepeyes.ms_swift.beginning import hide_later_curves
from swift_deepeyes.ms_swift.checks.resume import ResumeError, check_resume
from swift_deepeyes.ms_swift.memory import RunMemory, keep, recall
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.resuming import drawn, follow_rows
from swift_deepeyes.record.reader import read_log
from tests.ms_swift.stub_trainer import Trainer as StubTrainer

ROWS, PROMPTS, GENERATIONS, PER_GENERATION, ITERATIONS = 11, 2, 2, 2, 2


def loader(seed: int, rows: int = ROWS) -> Any:
    """As ms-swift makes it: trl's sampler under accelerate, a generation's rows in each batch."""
    data = list(range(rows))
    sampler = RepeatSampler(
        data, GENERATIONS, PROMPTS, ITERATIONS * PER_GENERATION, shuffle=True, seed=seed
    )
    size = PROMPTS * GENERATIONS
    return Accelerator(cpu=True).prepare(
        DataLoader(data, size, sampler=sampler, collate_fn=lambda batch: batch)
    )


def cyclic_iter(iterable: Any) -> Iterator[Any]:
    """Ms-swift's own, word for word."""
    while True:
        yield from iterable


class Run:
    """The order in which GRPO meets its rows: what transformers and ms-swift's trainer do."""

    def __init__(
        self,
        per_update: int,
        step: int = 0,
        drawn_before: Any = None,
        has_long_prompts: bool = True,
    ) -> None:
        self.has_long_prompts = has_long_prompts
        self.args = SimpleNamespace(gradient_accumulation_steps=per_update, ignore_data_skip=False)
        self.rows, self.step = loader(seed=3), step
        self.updates = -(-len(self.rows) // per_update)
        self._step, self._buffer = 0, None
        self.truncated_resample_iterator = cyclic_iter(loader(seed=4))
        follow_rows(self, self.rows, step, drawn_before or {})

    def train(self, until: int) -> list[tuple[int, list[int]]]:
        """Of each micro-step the update that it belongs to, and its rows."""
        made = []
        while self.step < until:
            made += self._epoch(until)
        return made

    def _epoch(self, until: int) -> list[tuple[int, list[int]]]:
        per_update, done, made = self.args.gradient_accumulation_steps, self.step % self.updates, []
        batches = iter(skip_first_batches(self.rows, done * per_update) if done else self.rows)
        for _ in range(min(self.updates - done, until - self.step)):
            made += [(self.step + 1, self._micro_step(b)) for b in islice(batches, per_update)]
            self.step += 1
        return made

    def _micro_step(self, batch: list[int]) -> list[int]:
        if self._step % (ITERATIONS * PER_GENERATION) == 0 or self._buffer is None:
            is_long = self.has_long_prompts and batch[0] % 2
            spare = next(self.truncated_resample_iterator)[:1] if is_long else batch[:1]
            self._buffer = [*batch[1:], *spare]
        size = len(batch) // PER_GENERATION
        start = self._step % PER_GENERATION * size
        self._step += 1
        return self._buffer[start : start + size]


@pytest.mark.parametrize("per_update", [4, 8])
def test_rows_come_as_in_an_undisturbed_run(per_update: int) -> None:
    """In the first epoch and later ones, replacements of long prompts too."""
    whole = Run(per_update)
    until = 3 * whole.updates
    undisturbed = whole.train(until)
    for step in range(1, until):
        first = Run(per_update)
        before = first.train(step)
        resumed = Run(per_update, step, drawn(first))
        assert before + resumed.train(until) == undisturbed, step
        assert drawn(resumed) == drawn(whole)


@pytest.mark.parametrize("per_update", [1, 2, 3])
def test_within_a_generation_later_ones_begin_where_they_did(per_update: int) -> None:
    """The one that is lost is made again, of the same rows."""
    whole = Run(per_update, has_long_prompts=False)
    until = 2 * whole.updates
    undisturbed = whole.train(until)
    for step in range(1, until):
        before = Run(per_update, has_long_prompts=False).train(step)
        after = Run(per_update, step, has_long_prompts=False).train(until)
        assert before + after == undisturbed, step


class RowsTrainer(transformers.Trainer):
    """Transformers' own loop, over ms-swift's loader; keeps the rows that each step is given."""

    def __init__(self, folder: Path, **arguments: Any) -> None:
        chosen = TrainingArguments(
            str(folder),
            use_cpu=True,
            gradient_accumulation_steps=4,
            save_steps=1,
            report_to=[],
            disable_tqdm=True,
            **arguments,
        )
        chosen.max_epochs = None  # ms-swift's, which changes transformers' own callbacks
        super().__init__(torch.nn.Linear(1, 1), chosen)
        self.met: list[tuple[int, list[int]]] = []
        self._step = 0
        self.truncated_resample_iterator = cyclic_iter(loader(seed=4))

    def get_train_dataloader(self) -> Any:
        return loader(seed=3)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        if self._step % (ITERATIONS * PER_GENERATION) == 0:
            self.met.append((self.state.global_step + 1, inputs))
            self.met[-1][1].extend(next(self.truncated_resample_iterator))
        self._step += 1
        return torch.zeros(())


class FollowRows(transformers.TrainerCallback):
    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        memory = recall(state) or RunMemory()
        before = memory.drawn_by(0, 1)
        follow_rows(self.trainer, given["train_dataloader"], state.global_step, before)

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        keep(state, RunMemory(drawn=(drawn(self.trainer),)))


def run_rows(folder: Path, steps: int, checkpoint: Path | None = None) -> list[Any]:
    trainer = RowsTrainer(folder, max_steps=steps)
    trainer.add_callback(FollowRows(trainer))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return trainer.met


def test_transformers_own_loop_resumes_with_the_rows_of_an_undisturbed_run(tmp_path: Path) -> None:
    steps = 12  # of an epoch: 5
    undisturbed = run_rows(tmp_path, steps)
    for step in (2, 5, 8):
        met = run_rows(tmp_path / "other", steps, tmp_path / f"checkpoint-{step}")
        assert met == undisturbed[step:], step


def test_without_our_part_a_later_epoch_repeats_the_first() -> None:
    """What is mended here: where this fails, transformers or trl has learnt it."""
    rows = loader(seed=3)
    first, second = list(rows), list(rows)
    assert first != second and list(loader(seed=3)) == first


def test_rows_that_are_not_shuffled_and_a_skip_that_is_unwanted_are_left_alone() -> None:
    plain = DataLoader(range(8), 2)
    args = SimpleNamespace(gradient_accumulation_steps=1, ignore_data_skip=True)
    trainer = SimpleNamespace(args=args, _step=0)
    follow_rows(trainer, plain, 7, {})
    assert trainer._step == 0
    args.ignore_data_skip = False
    follow_rows(trainer, plain, 7, {})
    assert trainer._step == 7 and drawn(trainer) == {}


# --- alarms


def observed(watch: Watch, steps: range) -> list[str]:
    """Alarms told over these steps of a run whose tool use falls at step 20."""
    told = []
    for step in steps:
        share = 0.6 if step < 20 else 0.01
        hits = sum(random.Random(step * 99 + n).random() < share for n in range(64))
        alarms = watch.observe(step, {Signal.TOOL_USE: Share(hits, 64.0)})
        told += [f"{alarm.step}: {alarm.what}" for alarm in alarms]
    return told


@pytest.mark.parametrize("step", [10, 22, 40])
def test_alarms_remember_through_the_checkpoint(step: int, tmp_path: Path) -> None:
    """Resumed before the fall, in it, and after it was told."""
    undisturbed = observed(Watch(), range(1, 60))
    assert len(undisturbed) == 1
    first, state = Watch(), TrainerState()
    told = observed(first, range(1, step + 1))
    keep(state, RunMemory(observed=tuple(first.observed), curves=("a",), drawn=({"x": 2}, {})))
    state.save_to_json(str(tmp_path / "trainer_state.json"))
    memory = recall(TrainerState.load_from_json(str(tmp_path / "trainer_state.json")))
    assert memory is not None and memory.curves == ("a",)
    assert (memory.drawn_by(0, 2), memory.drawn_by(0, 3)) == ({"x": 2}, {})
    resumed = Watch()
    resumed.recall(memory.observed)
    assert resumed.active == first.active
    assert told + observed(resumed, range(step + 1, 60)) == undisturbed


def test_a_checkpoint_without_our_memory_is_none(caplog: pytest.LogCaptureFixture) -> None:
    state = TrainerState()
    assert recall(state) is None and not caplog.text
    state.stateful_callbacks["deepeyes_metrics"] = {"attributes": {"observed": 3}}
    assert recall(state) is None and "cannot be read from the checkpoint" in caplog.text


# --- the callback


def trained(trainer: StubTrainer, steps: int) -> None:
    for _ in range(steps):
        trainer.score(["red", "blue"])
        trainer.end_step()


def begun(step: int = 0, memory: Any = None) -> StubTrainer:
    trainer = StubTrainer()
    trainer.state.global_step = step
    trainer.state.stateful_callbacks = memory or {}
    trainer.callback_handler = SimpleNamespace(callbacks=[])
    trainer.args.resume_from_checkpoint = "/out/checkpoint-2" if step else None
    trainer.callback.on_train_begin(trainer.args, trainer.state, None)
    return trainer


def test_log_curves_and_alarms_of_a_resumed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    monkeypatch.setenv("DEEPEYES_LOG_DIR", str(tmp_path))
    first = begun()
    trained(first, 2)
    checkpoint = json.loads(json.dumps(first.state.stateful_callbacks))
    trained(first, 2)
    process.recorder.close()
    process.reset()
    capsys.readouterr()
    resumed = begun(2, checkpoint)
    said = capsys.readouterr().out.splitlines()
    assert "  resumed        after step 2, /out/checkpoint-2" in said
    (line,) = (line for line in said if line.startswith("  superseded "))
    assert "6 lines of steps after 2, now in " in line
    assert resumed.callback._curves == first.callback._curves
    trained(resumed, 2)
    process.recorder.close()
    read = read_log(tmp_path)
    assert [one.step for one in read.trajectories] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert [one.step for one in read.metrics] == [1, 2, 3, 4]
    assert read.run is not None and read.run.resumed_at == 2
    assert read.run.settings["resumed"] == "after step 2"
    assert str(tmp_path) not in str(read.run.settings)
    memory = recall(resumed.state)
    assert memory is not None and [one.step for one in memory.observed] == [1, 2, 3, 4]


def test_a_checkpoint_of_another_program_is_gone_on_from_with_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    begun(2)
    assert "alarms begin anew" in capsys.readouterr().out


def test_the_log_is_on_disk_before_the_checkpoint_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    monkeypatch.setenv("DEEPEYES_LOG_DIR", str(tmp_path))
    trainer, saving = begun(), SimpleNamespace(should_save=True)
    trainer.score(["red"] * 64)
    trainer.state.global_step += 1
    trainer.callback.on_step_end(trainer.args, trainer.state, saving)
    assert len(read_log(tmp_path).trajectories) == 64
    trainer.callback.on_log(trainer.args, trainer.state, saving, {"reward": 1.0})
    assert [line.step for line in read_log(tmp_path).metrics] == [1]


def test_a_log_that_cannot_be_set_aside_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    monkeypatch.setenv("DEEPEYES_LOG_DIR", str(tmp_path))
    (tmp_path / "metrics.jsonl").write_text('{"step": 5, "values": {}}\n')
    (tmp_path / "superseded").write_text("a file")
    begun()
    assert "they will be there twice (training goes on)" in caplog.text


def test_tensorboard_forgets_later_steps(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for step, until in ((0, 5), (3, 6)):
        writer = SummaryWriter(str(tmp_path))
        handler = SimpleNamespace(callbacks=[SimpleNamespace(tb_writer=writer), object()])
        if step:
            hide_later_curves(SimpleNamespace(callback_handler=handler), step)
        for number in range(step + 1, until + 1):
            writer.add_scalar("reward", until, number)
        writer.close()
    events = EventAccumulator(str(tmp_path)).Reload().Scalars("reward")
    assert [(event.step, event.value) for event in events] == [
        *((step, 5.0) for step in (1, 2, 3)),
        *((step, 6.0) for step in (4, 5, 6)),
    ]


# --- what is asked of a checkpoint


def checkpoint_at(folder: Path, step: int, **arguments: object) -> SimpleNamespace:
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    (folder / "args.json").write_text(json.dumps({"seed": 42, "dataset": ["a"], **arguments}))
    return SimpleNamespace(resume_from_checkpoint=str(folder), max_steps=80, seed=42, dataset=["a"])


def test_a_finished_run_and_half_a_checkpoint_are_refused(tmp_path: Path) -> None:
    args = checkpoint_at(tmp_path, 80)
    with pytest.raises(ResumeError, match=r"is at step 80, and --max_steps is 80: nothing is left"):
        check_resume(args)
    args.max_steps = 81
    check_resume(args)
    args.max_steps = -1  # epochs are set instead
    check_resume(args)
    (tmp_path / "trainer_state.json").write_text('{"global_st')
    with pytest.raises(ResumeError, match=r"is not a whole checkpoint: trainer_state\.json"):
        check_resume(args)
    args.resume_only_model = True
    check_resume(args)
    check_resume(SimpleNamespace())


def test_settings_that_change_the_order_of_rows_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    args = checkpoint_at(tmp_path, 8, learning_rate=1.0)
    check_resume(args)
    assert not caplog.text
    args.seed, args.dataset = 43, ["a", "b"]
    check_resume(args)
    assert "--seed is 43 and was 42" in caplog.text and "--dataset is" in caplog.text
    (tmp_path / "args.json").write_text("[]")
    caplog.clear()
    check_resume(args)
    assert not caplog.text

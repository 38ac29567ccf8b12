"""A run that was killed and resumed is the run that was not: in its rows, its log, its curves.

Eight rows, two of them too long for the limit, in steps of two: the checkpoint lies within the
second epoch, and the kill within a step that was not saved.
"""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from swift_deepeyes.demo.processes import SwiftProcess
from swift_deepeyes.planning.measured import read_measured
from swift_deepeyes.planning.setup import Setup
from swift_deepeyes.record.reader import LogDirectory, read_log
from tests.e2e.toy import Toy, add_dataset, with_datasets, with_values
from tests.scripts.captured import SCRIPTS, recorded

pytestmark = pytest.mark.e2e
STEPS, SAVED, KILLED_AFTER = 8, 5, 6  # steps of an epoch: 4
ROWS, LONG_ROWS = 8, (2, 5)


@dataclass(frozen=True)
class Ran:
    """What a training left: its output, the log, and what it said."""

    output: Path
    log: LogDirectory
    said: str

    @property
    def rows(self) -> dict[int, list[str | None]]:
        """The rows of each step."""
        by_step = defaultdict(list)
        for one in self.log.trajectories:
            by_step[one.step].append(one.index)
        return {step: sorted(map(str, rows)) for step, rows in by_step.items()}


@pytest.fixture(scope="module")
def data(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    rows = pq.read_table(toy.options.data / "toy_vstar.parquet").to_pylist()[:ROWS]
    for number in LONG_ROWS:
        rows[number]["prompt"][-1]["content"] += " again" * 1000
    add_dataset(folder, "few_rows", rows)
    return folder


def command(toy: Toy, data: Path, output: Path, **values: str) -> list[str]:
    chosen = {
        "max_steps": str(STEPS),
        "save_steps": str(SAVED),
        "save_only_model": "false",
        # Ms-swift looks for a replacement in batches of this size: without end where there are
        # fewer rows.
        "per_device_train_batch_size": "8",
        "gradient_accumulation_steps": "2",
        "max_length": "1024",
        "truncation_strategy": "delete",
        "custom_dataset_info": str(data / "dataset_info.json"),
        "report_to": "tensorboard",
    }
    words = toy.grpo(output, **(chosen | values))
    return with_datasets(words, "few_rows")


def resumed_command(toy: Toy, data: Path, output: Path, folder: Path) -> list[str]:
    """With what our scripts add for RESUME=auto."""
    call = recorded(
        SCRIPTS / "train_colocate.sh", folder, RESUME="auto", OUTPUT=str(output), STEPS=str(STEPS)
    )
    names = ("resume_from_checkpoint", "output_dir", "add_version")
    added = {name: call.words[call.words.index(f"--{name}") + 1] for name in names}
    return with_values(command(toy, data, output), **added)


def train(words: list[str], folder: Path, name: str, until: str = "") -> str:
    """Run to the end, or until the log has a line: then be killed, as by a machine that fails."""
    environment = {"DEEPEYES_JUDGE": "rule", "DEEPEYES_LOG_DIR": str(folder / "log")}
    with SwiftProcess(words, folder / f"{name}.log", environment) as process:
        if not until:
            process.wait(600)
        else:
            process.wait_for_line(until, 600)
            for child in process.children:
                os.kill(child, signal.SIGKILL)
        return process.read_log()


@pytest.fixture(scope="module")
def undisturbed(toy: Toy, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("undisturbed")
    said = train(command(toy, data, folder / "grpo"), folder, "train")
    return Ran(folder / "grpo", read_log(folder / "log"), said)


@pytest.fixture(scope="module")
def resumed(toy: Toy, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("resumed")
    output = folder / "grpo"
    killed = command(toy, data, output)
    train(killed, folder, "killed", until=f"step {KILLED_AFTER}/{STEPS}  ")
    before = {one.id for one in read_log(folder / "log").trajectories}
    assert before
    said = train(resumed_command(toy, data, output, folder), folder, "resumed")
    log = read_log(folder / "log")
    kept = {one.id for one in log.trajectories if one.step <= SAVED}
    assert kept <= before, "what was saved is as it was written"
    assert before - kept == {one.id for one in aside(log).trajectories}, "and the rest is not lost"
    yield Ran(output, log, said)


def aside(log: LogDirectory) -> LogDirectory:
    (folder,) = (log.path / "superseded").iterdir()
    return read_log(folder)


def test_every_step_has_the_rows_of_the_undisturbed_run(undisturbed: Ran, resumed: Ran) -> None:
    assert list(resumed.rows) == [*range(1, STEPS + 1)]
    assert resumed.rows == undisturbed.rows
    long = {str(number) for number in LONG_ROWS}
    assert not long & {row for rows in resumed.rows.values() for row in rows}
    assert resumed.rows[1] != resumed.rows[SAVED], "the second epoch has an order of its own"


def test_the_log_has_every_step_once(undisturbed: Ran, resumed: Ran) -> None:
    for log in (undisturbed.log, resumed.log):
        assert [line.step for line in log.metrics] == [*range(1, STEPS + 1)]
        lines = (log.path / "metrics.jsonl").read_text().splitlines()
        assert len(lines) == STEPS
        assert len(log.trajectories) == STEPS * 16
        assert len({one.id for one in log.trajectories}) == STEPS * 16
        assert log.skipped.unreadable == log.skipped.repeated == 0
    assert {line.step for line in aside(resumed.log).metrics} == {KILLED_AFTER}
    steps = [read_measured(one.log.path, Setup()).steps for one in (undisturbed, resumed)]
    assert steps[0] == steps[1] == STEPS


def test_tensorboard_has_every_step_once(resumed: Ran) -> None:
    (folder,) = {path.parent for path in resumed.output.rglob("events.*")}
    events = EventAccumulator(str(folder)).Reload().Scalars("train/deepeyes/trajectories")
    assert [event.step for event in events] == [*range(1, STEPS + 1)]


def test_the_console_says_what_was_resumed(resumed: Ran) -> None:
    lines = resumed.said.splitlines()
    assert f"  resumed        after step {SAVED}, {resumed.output}/checkpoint-{SAVED}" in lines
    (line,) = (line for line in lines if line.startswith("  superseded "))
    assert f"lines of steps after {SAVED}, now in {resumed.log.path / 'superseded'}" in line
    assert "in another order" not in resumed.said
    said = [line.split()[1] for line in lines if line.startswith("step ")]
    assert said == [f"{step}/{STEPS}" for step in range(SAVED + 1, STEPS + 1)]


def test_curves_go_on(undisturbed: Ran, resumed: Ran) -> None:
    """Texts are sampled anew, so values differ; which curves there are, and their steps, do not."""
    one, other = undisturbed.log.metrics, resumed.log.metrics
    for line, same in zip(one, other, strict=True):
        assert (line.values["epoch"], line.values["learning_rate"]) == (
            same.values["epoch"],
            same.values["learning_rate"],
        )
        assert same.values["deepeyes/trajectories"] == 16
    before = {name for name in other[SAVED - 1].values if name.startswith("deepeyes/")}
    assert before <= other[SAVED].values.keys() | {"deepeyes/"}

"""A real run on two ranks: its metrics against those counted again from its trajectory files."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.metrics.counts import PREFIX, sums_of
from swift_deepeyes.record.reader import LogDirectory, read_log
from swift_deepeyes.record.record import LoggedTrajectory

SCRIPTED_PLUGIN = Path(__file__).parent / "plugins" / "scripted_plugin.py"
STEPS = 3
PER_RANK = 6
GENERATIONS = 4  # so that the middle one of three groups lies on both ranks


def arguments(folder: Path) -> list[str]:
    from swift_deepeyes.demo import commands
    from swift_deepeyes.demo.toy import build_data, build_model

    files = build_data(folder / "data", seed=0, rows=8, other_rows=8)
    names = ("vstar", "chart", "thinklite")
    # Under these names the rows get one type per column, and files can be mixed.
    info = [
        {
            "dataset_path": str(getattr(files, name)),
            "dataset_name": f"deepeyes_toy_{name}",
            "columns": {"prompt": "messages"},
        }
        for name in names
    ]
    (folder / "info.json").write_text(json.dumps(info))
    return [
        *("rlhf", "--rlhf_type", "grpo"),
        *commands.toy_arguments(build_model(folder / "model", seed=0)),
        *("--external_plugins", str(commands.PLUGIN), str(commands.TOY_PLUGIN)),
        str(SCRIPTED_PLUGIN),
        *("--multi_turn_scheduler", "scripted_scheduler", "--max_turns", "4"),
        *("--reward_funcs", "deepeyes_reward", "deepeyes_accuracy"),
        *("--reward_weights", "1", "0.5"),
        *("--custom_dataset_info", str(folder / "info.json")),
        *("--dataset", *(f"deepeyes_toy_{name}" for name in names)),
        *("--use_vllm", "true", "--vllm_mode", "colocate", *commands.toy_vllm_arguments()),
        *("--tuner_type", "full", "--learning_rate", "1e-5", "--beta", "0", "--seed", "0"),
        *("--split_dataset_ratio", "0", "--check_model", "false", "--add_version", "false"),
        *("--output_dir", str(folder / "grpo"), "--max_steps", str(STEPS)),
        *("--per_device_train_batch_size", "3", "--gradient_accumulation_steps", "2"),
        *("--num_generations", str(GENERATIONS), "--max_completion_length", "8"),
        *("--logging_steps", "1", "--save_strategy", "no", "--report_to", "tensorboard"),
        # Without this, two processes without an accelerator are two trainings of one rank each.
        *("--use_cpu", "true", "--ddp_backend", "gloo"),
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from swift_deepeyes.demo.processes import SwiftProcess

    folder = tmp_path_factory.mktemp("two_ranks")
    environment = {
        "NPROC_PER_NODE": "2",
        "DEEPEYES_JUDGE": "rule",
        "DEEPEYES_CROP_SOURCE": "original",
        "DEEPEYES_MAX_CALLS_PER_TURN": "1",
        "DEEPEYES_LOG_DIR": str(folder / "log"),
    }
    command = arguments(folder)
    with SwiftProcess(command, folder / "swift.log", environment) as process:
        process.wait(timeout_seconds=400)
    assert "no longer" not in (folder / "swift.log").read_text()
    return folder


@pytest.fixture(scope="module")
def log(run: Path) -> LogDirectory:
    return read_log(run / "log")


def of_step(log: LogDirectory, step: int) -> list[LoggedTrajectory]:
    return [trajectory for trajectory in log.trajectories if trajectory.step == step]


@pytest.mark.e2e
def test_every_trajectory_of_both_ranks_is_on_disk(log: LogDirectory) -> None:
    assert log.skipped.half_written == log.skipped.unreadable == log.skipped.repeated == 0
    for step in range(1, STEPS + 1):
        ranks = [trajectory.rank for trajectory in of_step(log, step)]
        assert [ranks.count(0), ranks.count(1)] == [PER_RANK, PER_RANK]
    for trajectory in log.trajectories:
        assert len(trajectory.images) == trajectory.trajectory.images
        assert len(trajectory.turn_tokens) == len(trajectory.trajectory.turns)
        for name, size in zip(trajectory.images, trajectory.image_sizes, strict=True):
            assert name and size and (log.path / "images" / name).stat().st_size > 0
    assert log.run is not None and log.run.kind == "train"


@pytest.mark.e2e
def test_the_metrics_are_those_of_the_files(run: Path, log: LogDirectory) -> None:
    written = [json.loads(line) for line in (run / "grpo" / "logging.jsonl").open()]
    steps = [line for line in written if "loss" in line]
    swifts = {int(line["global_step/max_steps"].split("/")[0]): line for line in steps}
    board = tensorboard(run / "grpo")
    assert [line.step for line in log.metrics] == list(range(1, STEPS + 1))
    for line in log.metrics:
        counted = sums_of(of_step(log, line.step)).values()
        for name, value in line.values.items():
            if name.startswith(PREFIX) and name in counted:
                assert value == pytest.approx(counted[name], abs=1e-8), name
                assert swifts[line.step][name] == pytest.approx(value, abs=1e-6), name
                assert board[f"train/{name}"][line.step] == pytest.approx(value, abs=1e-6), name
        missing = {name for name, value in counted.items() if value} - set(line.values)
        assert not missing
        judged = [t for t in of_step(log, line.step) if t.score.verdict is not None]
        # A step without a question has no judge figures.
        assert line.values.get(PREFIX + "judge/questions", 0) == len(judged)
    assert any("/failed/" in name for line in log.metrics for name in line.values)


@pytest.mark.e2e
def test_rewards_and_advantages_are_the_trainers(log: LogDirectory) -> None:
    groups: dict[str, list[LoggedTrajectory]] = defaultdict(list)
    for trajectory in log.trajectories:
        groups[trajectory.group].append(trajectory)
        assert trajectory.rewards["DeepEyesReward"] == pytest.approx(
            trajectory.score.total, abs=1e-6
        )
        assert trajectory.rewards["DeepEyesAccuracy"] == trajectory.score.accuracy
    assert len(groups) == STEPS * 3
    assert any({t.rank for t in group} == {0, 1} for group in groups.values())
    for group in groups.values():
        assert len(group) == GENERATIONS
        assert len({(t.step, t.source, t.index) for t in group}) == 1
        rewards = [weighted(t) for t in group]
        mean, spread = statistics.mean(rewards), statistics.stdev(rewards)
        for trajectory, reward in zip(group, rewards, strict=True):
            expected = (reward - mean) / (spread + 1e-4)
            assert trajectory.advantage == pytest.approx(expected, abs=1e-3)


def weighted(trajectory: LoggedTrajectory) -> float:
    return trajectory.score.total + 0.5 * (trajectory.rewards["DeepEyesAccuracy"] or 0.0)


def tensorboard(folder: Path) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (events,) = folder.rglob("events.out.tfevents.*")
    board: Any = EventAccumulator(str(events))
    board.Reload()
    return {
        tag: {event.step: event.value for event in board.Scalars(tag)}
        for tag in board.Tags()["scalars"]
    }

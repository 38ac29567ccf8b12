"""Two rollout servers and two training ranks at once, after a training on them that broke down."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from swift_deepeyes.demo.processes import SwiftProcess
from swift_deepeyes.metrics.counts import PREFIX, sums_of
from swift_deepeyes.record.reader import LogDirectory, read_log
from swift_deepeyes.record.record import LoggedTrajectory
from tests.e2e.servers import RolloutServer, rollout_servers, server_mode
from tests.e2e.toy import Toy, add_dataset, training_steps, with_datasets
from tests.e2e.two_ranks import (
    ENVIRONMENT,
    GENERATIONS,
    PER_RANK,
    FailedRun,
    away_for,
    judges,
    on_two_ranks,
    questions_to,
    run_until,
    settings_of,
)

pytestmark = pytest.mark.e2e
STEPS = 3
DROPPED = {"12": "unreadable", "13": "no such file", "14": "aspect ratio", "15": "2 <image> tags"}
TEXT = "What is the pattern on the ball?"


@pytest.fixture(scope="module")
def servers(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RolloutServer]]:
    folder = tmp_path_factory.mktemp("two_servers")
    environment = {"DEEPEYES_CROP_SOURCE": "original"}
    with rollout_servers(toy, folder, 2, environment) as both:
        yield both


@pytest.fixture(scope="module")
def failed(
    toy: Toy, servers: list[RolloutServer], tmp_path_factory: pytest.TempPathFactory
) -> FailedRun:
    """The judge of the rank that talks to the servers refuses; the other rank cannot record."""
    folder = tmp_path_factory.mktemp("failed")
    arguments = server_mode(toy, folder / "grpo", servers, max_steps="6")
    arguments = on_two_ranks(arguments, "broken_recording.py")
    with judges() as (of_rank_0, of_rank_1):

        def refuse() -> None:
            of_rank_0.script.key = "another key"

        environment = settings_of((of_rank_0, of_rank_1))
        return run_until(arguments, folder, environment, of_rank_0, refuse)


def test_a_rank_whose_judge_refuses_ends_the_other(failed: FailedRun) -> None:
    failed.assert_ended_well(rank=0, setting="DEEPEYES_JUDGE_API_KEY")


def test_a_rank_that_cannot_record_takes_part_in_every_gathering(failed: FailedRun) -> None:
    """Else the other would wait for it for ever: whole steps were trained before the failure."""
    assert failed.output.count("no longer recorded; training goes on") == 1
    trained = [line.step for line in failed.log.metrics]
    assert trained and trained == list(range(1, len(trained) + 1))
    for line in failed.log.metrics:
        assert line.values[f"{PREFIX}trajectories"] == PER_RANK
    assert {one.rank for one in failed.log.trajectories} == {0}


@dataclass(frozen=True)
class Run:
    folder: Path
    log: LogDirectory
    output: str
    served: list[str]  # by each rollout server
    weights: list[list[float]]  # of both servers before the training, then of both after it
    questions: list[int]  # put to the judge of each rank

    def of_step(self, step: int) -> list[LoggedTrajectory]:
        return [one for one in self.log.trajectories if one.step == step]

    @property
    def values(self) -> list[dict[str, float]]:
        return [dict(line.values) for line in self.log.metrics]


@pytest.fixture(scope="module")
def run(
    toy: Toy,
    servers: list[RolloutServer],
    failed: FailedRun,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """On the same servers, with bad rows, and a judge that is in trouble for rank 1 only."""
    folder = tmp_path_factory.mktemp("two_ranks")
    write_rows(toy, folder)
    arguments = server_mode(toy, folder / "grpo", servers, max_steps=str(STEPS))
    arguments = with_datasets(arguments, "deepeyes_toy_vstar")
    info = str(folder / "dataset_info.json")
    arguments = on_two_ranks(arguments, custom_dataset_info=info, dataset_num_proc="2")
    with judges() as both:
        both[1].script.fault = away_for(seconds=5.0)
        both[1].script.hang = 3.0
        environment = {"DEEPEYES_LOG_DIR": str(folder / "log"), "DEEPEYES_JUDGE_TIMEOUT": "2"}
        environment |= ENVIRONMENT | settings_of(both)
        weights = [server.log_probabilities(TEXT) for server in servers]
        lengths = [len(server.read_log()) for server in servers]
        with SwiftProcess(arguments, folder / "train.log", environment) as trainer:
            trainer.wait(300)
        served = [s.read_log()[length:] for s, length in zip(servers, lengths, strict=True)]
        weights += [server.log_probabilities(TEXT) for server in servers]
        questions = [questions_to(judge) for judge in both]
    log = read_log(folder / "log")
    return Run(folder, log, trainer.read_log(), served, weights, questions)


def write_rows(toy: Toy, folder: Path) -> None:
    """Twelve rows that can be trained on, two of them unscorable, and four that cannot."""
    rows = pq.read_table(toy.options.data / "toy_vstar.parquet").to_pylist()[:16]
    rows[4]["extra_info"]["question"] = None
    rows[9]["reward_model"]["ground_truth"] = None
    rows[9]["extra_info"]["answer"] = None
    rows[12]["images"][0]["bytes"] = rows[12]["images"][0]["bytes"][:200]
    rows[13]["images"] = [{"bytes": None, "path": "/no/such/image.png"}]
    narrow = io.BytesIO()
    Image.new("RGB", (6500, 32)).save(narrow, format="PNG")
    rows[14]["images"] = [{"bytes": narrow.getvalue(), "path": None}]
    rows[15]["prompt"][1]["content"] += "<image>"
    add_dataset(folder, "deepeyes_toy_vstar", rows)


def test_both_servers_generate_with_the_weights_of_every_step(run: Run) -> None:
    for served in run.served:
        assert served.count("POST /update_flattened_params/") == STEPS
        assert served.count("POST /infer/") == STEPS
    assert " 500 " not in "".join(run.served)
    first_before, second_before, first, second = run.weights
    assert first == pytest.approx(second, abs=1e-4)
    assert first_before == pytest.approx(second_before, abs=1e-4)
    assert first != pytest.approx(first_before, abs=1e-3)
    steps = training_steps(run.folder / "grpo")
    assert len(steps) == STEPS and any(step["grad_norm"] > 0 for step in steps)


def test_every_trajectory_is_written_once_in_a_whole_group(run: Run) -> None:
    skipped = run.log.skipped
    assert skipped.half_written == skipped.unreadable == skipped.repeated == 0
    assert len(run.log.trajectories) == STEPS * 2 * PER_RANK
    # The first server answers for the first rank, the second for the second.
    for rank in (0, 1):
        mine = [one for one in run.log.trajectories if one.rank == rank]
        assert len(mine) == STEPS * PER_RANK
        assert any(one.trajectory.crops for one in mine)
        assert all(all(one.images) for one in mine)
    groups = Counter(one.group for one in run.log.trajectories)
    assert set(groups.values()) == {GENERATIONS}
    rows = {one.group: one.index for one in run.log.trajectories}
    assert sorted(rows.values(), key=int) == [str(number) for number in range(12)]


def test_the_metrics_are_those_of_the_files(run: Run) -> None:
    assert [line.step for line in run.log.metrics] == [1, 2, 3]
    for line in run.log.metrics:
        counted = sums_of(run.of_step(line.step)).values()
        told = {name: line.values[name] for name in counted if name in line.values}
        assert told == pytest.approx({name: counted[name] for name in told}, abs=1e-6)
        assert not {name for name, value in counted.items() if value} - set(told)
        assert line.values[f"{PREFIX}trajectories"] == 2 * PER_RANK


def test_bad_rows_are_named_once(run: Run) -> None:
    dropped = [line for line in run.output.splitlines() if "Row dropped" in line]
    assert len(dropped) == len(DROPPED)
    for index, reason in DROPPED.items():
        (line,) = (line for line in dropped if f"index='{index}'" in line)
        assert reason in line
    # Kept, and told once when they are read, by the rank that reads them.
    assert run.output.count("1 without a question") == 1
    assert run.output.count("1 without a reference answer") == 1
    assert {one.score.accuracy for one in run.log.trajectories if one.index == "9"} == {None}


def test_a_judge_in_trouble_for_one_rank_costs_time_only(run: Run) -> None:
    def total(name: str) -> float:
        return sum(values.get(f"{PREFIX}judge/{name}", 0.0) for values in run.values)

    assert total("retries") > 0 and total("failed") > 0
    # Every call is counted, those that got no answer too, and no rank's twice.
    calls = total("asked") + total("retries")
    assert calls <= sum(run.questions) <= calls + total("hedged")
    assert total("fallback") == 0
    deciders = {one.score.verdict.decided_by for one in run.log.trajectories if one.score.verdict}
    assert deciders == {"server"}


def test_what_concerns_the_run_is_written_by_one_rank(run: Run) -> None:
    lines = (run.folder / "log" / "metrics.jsonl").read_text().splitlines()
    assert Counter(json.loads(line)["step"] for line in lines) == {1: 1, 2: 1, 3: 1}
    files = sorted(path.name[:8] for path in (run.folder / "log" / "trajectories").iterdir())
    assert files == ["rank0000", "rank0001"]
    assert run.log.run is not None and run.log.run.kind == "train"
    assert not list((run.folder / "log").rglob("*.part"))
    # Both ranks know the figures; one says them.
    assert run.output.count("box frame") == 1
    assert [run.output.count(f"step {step}/{STEPS}  reward") for step in (1, 2, 3)] == [1, 1, 1]
    # Half of the calls failed, but four prompts a step are too few for an alarm.
    assert "DeepEyes alarm" not in run.output

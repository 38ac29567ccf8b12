"""`swift-deepeyes plan --log`: what a run's log says, beside the plan."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.episode.trajectory import Trajectory
from swift_deepeyes.planning.measured import NothingMeasuredError, compare, read_measured
from swift_deepeyes.planning.setup import Lengths, Setup
from swift_deepeyes.record.record import LoggedTrajectory, MetricsLine

SETUP = Setup(prompts=2, generations=2, lengths=Lengths(max_pixels=28 * 28 * 100))


def write_log(folder: Path, lines: list[dict[str, float]]) -> Path:
    """A run of four trajectories a step, three of them with a crop."""
    (folder / "trajectories").mkdir(parents=True)
    steps = [MetricsLine(step=n, values=v).model_dump_json() for n, v in enumerate(lines, start=1)]
    (folder / "metrics.jsonl").write_text("\n".join([*steps, '{"step": 9, "val']))
    source, crop = (280, 560), (140, 140)  # 200 tokens, of which 100 are allowed, and 25
    images = [(source,), (source, crop), (source, crop), (source, crop)]
    logged = [
        LoggedTrajectory(
            id=str(number),
            group="g",
            step=1,
            image_sizes=sizes,
            trajectory=Trajectory(source_images=1, crops=len(sizes) - 1),
        ).model_dump_json()
        for number, sizes in enumerate(images)
    ]
    (folder / "trajectories" / "rank0.jsonl").write_text("\n".join(logged))
    return folder


VALUES = {
    "deepeyes/trajectories": 4.0,
    "deepeyes/turns/mean": 2.0,
    "deepeyes/turns/max": 3.0,
    "deepeyes/crops/mean": 0.75,
    "deepeyes/judge/questions": 3.0,
    "completions/mean_length": 90.0,
    "step_time": 30.0,
}


def test_means_over_the_run(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", [VALUES, VALUES | {"completions/mean_length": 110.0}])
    measured = read_measured(log, SETUP)
    assert (measured.steps, measured.trajectories, measured.turns) == (2, 4, 2)
    assert measured.model_tokens == 100
    assert measured.image_tokens == pytest.approx((4 * 102 + 3 * 27) / 4)
    assert measured.crop_share == pytest.approx(27 / 102)
    assert (measured.questions, measured.step_seconds) == (3, 30)


def test_a_plan_of_what_was_measured_gives_what_was_measured(tmp_path: Path) -> None:
    measured = read_measured(write_log(tmp_path / "log", [VALUES]), SETUP)
    lengths = measured.lengths(SETUP.lengths)
    assert (lengths.mean_turns, lengths.mean_turn_tokens, lengths.mean_crop_rate) == (2, 45, 0.75)
    assert lengths.max_turns == 3
    rows = {
        row.name: row for row in compare(SETUP.model_copy(update={"lengths": lengths}), measured)
    }
    for name in ("trajectories of a step", "turns", "model's turns", "crops"):
        assert rows[name].planned == rows[name].measured
    assert rows["image tokens"].planned == pytest.approx(rows["image tokens"].measured, abs=1)


def test_what_is_not_logged_is_said(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", [{"deepeyes/trajectories": 4.0}])
    (log / "trajectories" / "rank0.jsonl").unlink()
    measured = read_measured(log, SETUP)
    assert measured.turns is None and measured.image_tokens is None
    assert measured.lengths(SETUP.lengths) == SETUP.lengths
    with pytest.raises(NothingMeasuredError, match="no training step in"):
        read_measured(tmp_path, SETUP)


def test_the_command(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", [VALUES])
    options = ["--prompts", "2", "--generations", "2", "--max-pixels", "78400"]
    run = CliRunner().invoke(app, ["plan", *options, "--log", str(log)])
    assert run.exit_code == 0, run.output
    assert "Planned and measured (1 step)" in run.output
    told = "--turns 2.00 --max-turns 3 --turn-tokens 45 --crop-rate 0.75 --crop-share 0.26"
    assert told in " ".join(run.output.split())
    wrong = CliRunner().invoke(app, ["plan", "--log", str(tmp_path)])
    assert wrong.exit_code == 2
    assert "there is no training step in" in wrong.output

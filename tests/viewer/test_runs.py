"""Several runs on one page, and what the metrics of one are about."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.viewer.build import PageLimits, build_page
from swift_deepeyes.viewer.metric_groups import group_of
from swift_deepeyes.viewer.runs import read_runs
from tests.viewer.log_maker import copies, make_item, write_lines
from tests.viewer.striped import write_striped
from tests.viewer.test_page import block


def test_two_runs_share_prompts_and_keep_their_own_names_and_keys(tmp_path: Path) -> None:
    write_striped(tmp_path / "a", name="first", lr="1e-6")
    write_striped(tmp_path / "b", name="second", lr="1e-5")
    page = build_page([tmp_path / "a", tmp_path / "b"], PageLimits())
    head = block(page.html, "head")
    assert [(run["name"], run["settings"]) for run in head["runs"]] == [
        ("first", {"lr": "1e-6"}),
        ("second", {"lr": "1e-5"}),
    ]
    assert page.trajectories == 12
    assert len({row["key"] for row in head["rows"]}) == 12  # though both have the same ids
    assert {row["prompt"] for row in head["rows"]} == {0}
    assert len({row["group"] for row in head["rows"]}) == 6
    rewards = [curve for curve in head["curves"] if curve["title"] == "Reward"]
    assert [curve["run"] for curve in rewards] == [0, 1]
    # The same prompt of both runs stands together.
    assert [(row["step"], row["run"]) for row in head["rows"]][:4] == [
        (1, 0),
        (1, 0),
        (1, 1),
        (1, 1),
    ]


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for folder in ("x/log", "y/log"):
        write_striped(tmp_path / folder, name="grpo")
    paths = [tmp_path / "x/log", tmp_path / "y/log"]
    assert [run.name for run in read_runs(paths, 100)] == ["x/log", "y/log"]
    twice = [run.name for run in read_runs([paths[0], paths[0]], 100)]
    assert len(set(twice)) == 2


def test_runs_share_the_limit_and_their_notes_name_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_lines(tmp_path / name, copies([make_item(0)], 64, steps=4))
    page = build_page([tmp_path / "a", tmp_path / "b"], PageLimits(max_trajectories=64))
    assert page.trajectories == 64
    assert any(note.startswith("b: 32 of 64 trajectories shown") for note in page.notes)


def test_the_command_compares(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_striped(tmp_path / name, name=name)
    result = CliRunner().invoke(app, ["view", str(tmp_path / "a"), str(tmp_path / "b")])
    assert result.exit_code == 0, result.output
    assert "12 trajectories" in result.output
    assert (tmp_path / "a" / "comparison.html").is_file()
    assert not (tmp_path / "a" / "trajectories.html").exists()


def test_the_command_says_which_run_is_missing_and_how_many_are_too_many(tmp_path: Path) -> None:
    write_striped(tmp_path / "a")
    result = CliRunner().invoke(app, ["view", str(tmp_path / "a"), str(tmp_path / "none")])
    assert result.exit_code == 2
    assert f"{tmp_path / 'none'} is not a directory" in result.output.replace("\n", "")
    result = CliRunner().invoke(app, ["view", *[str(tmp_path / "a")] * 7])
    assert result.exit_code == 2 and "at most 6" in result.output


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("reward", "Reward"),
        ("rewards/DeepEyesReward/mean", "Reward"),
        ("deepeyes/accuracy/with_crop", "Reward"),
        ("deepeyes/tool_calls/failed/bad_box", "Tool use"),
        ("deepeyes/crops/share", "Tool use"),
        ("deepeyes/stop/answered", "Episode ends"),
        ("deepeyes/format_errors/share", "Format"),
        ("deepeyes/text/repetitive", "Text health"),
        ("completions/mean_length", "Text health"),
        ("deepeyes/judge/latency_p95", "Judge"),
        ("deepeyes/source/vstar/total", "By source"),
        ("clip_ratio/region_mean", "Optimisation"),
        ("memory(GiB)", "Time and memory"),
        ("eval_deepeyes/crops/share", "Evaluation during training"),
        ("my_own_metric", "Other"),
    ],
)
def test_metrics_are_grouped(name: str, group: str) -> None:
    assert group_of(name) == group


def test_metrics_stand_by_group_and_the_most_telling_first(tmp_path: Path) -> None:
    write_striped(tmp_path)
    metrics = block(build_page(tmp_path, PageLimits()).html, "head")["metrics"]
    assert [(curve["group"], curve["title"]) for curve in metrics] == [
        ("Reward", "reward"),
        ("Judge", "deepeyes/judge/asked"),
        ("Optimisation", "kl"),
    ]

"""What the demo makes of a log directory: figures, summary, image; and its settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from swift_deepeyes.demo import figures, trajectory_image
from swift_deepeyes.demo.options import (
    DemoFamily,
    DemoOptions,
    OutputTakenError,
    plugin_environment,
)
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.demo.toy.scenes import Pattern, Scene, cut, draw
from swift_deepeyes.episode.trajectory import CallRecord, CallStatus, Trajectory, TurnRecord
from swift_deepeyes.record.reader import read_trajectories
from swift_deepeyes.record.record import LoggedTrajectory, MetricsLine
from tests.record.scored import score_of


def _write_metrics(log: Path, rewards: list[float]) -> None:
    lines = []
    for number, reward in enumerate(rewards, start=1):
        values = {
            "reward": reward,
            "rewards/DeepEyesAccuracy/mean": reward / 2,
            "rewards/DeepEyesFormat/mean": 0.0,
            "deepeyes/crops/share": reward / 2,
            "deepeyes/turns/mean": 2.0,
        }
        lines.append(MetricsLine(step=number, values=values).model_dump_json())
    log.mkdir(exist_ok=True)
    (log / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 99, "val')


def _logged(step: int, crops: int, accuracy: float) -> LoggedTrajectory:
    call = CallRecord(
        name="image_zoom_in_tool",
        arguments={"bbox_2d": [56, 0, 112, 56]},
        status=CallStatus.OK,
        box=(56, 0, 112, 56),
        source_box=(224, 0, 448, 224),
        crop_size=(224, 224),
    )
    turns = (
        TurnRecord(text="<think>I zoom in.</think>", calls=(call,), observation="<tool_response>"),
        TurnRecord(text="<answer>vertical</answer>"),
    )
    return LoggedTrajectory(
        id=f"{step}/{crops}",
        group="g",
        step=step,
        question="What is the pattern on the ball?",
        reference="vertical",
        images=("scene.png", "crop.png")[: 1 + crops],
        trajectory=Trajectory(turns=turns[-1 - crops :], source_images=1, crops=crops),
        score=score_of(accuracy, total=2.0 * accuracy),
    )


def test_summary_compares_the_first_with_the_last_ten(tmp_path: Path) -> None:
    _write_metrics(tmp_path, [0.5] * 10 + [1.0] * 7 + [2.0] * 10)
    steps = figures.read_steps(tmp_path)
    assert len(steps) == 27
    trajectories = [_logged(1, 0, 0.0), _logged(2, 1, 1.0)]
    summary = figures.summarise(7, DemoFamily.QWEN3_VL, steps, trajectories, seconds=12.34567)
    summary.write(tmp_path / "summary.json")
    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "seed": 7,
        "family": "qwen3_vl",
        "steps": 27,
        "reward_first": 0.5,
        "reward_last": 2.0,
        "crop_rate_first": 0.25,
        "crop_rate_last": 1.0,
        "accuracy_first": 0.25,
        "accuracy_last": 1.0,
        "trajectories": 2,
        "crops": 1,
        "seconds": 12.3457,
    }


def test_no_log_is_no_steps(tmp_path: Path) -> None:
    assert figures.read_steps(tmp_path) == []
    assert read_trajectories(tmp_path).items == []


def test_trajectories_come_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "trajectories"
    folder.mkdir()
    (folder / "a.jsonl").write_text(_logged(2, 1, 1.0).model_dump_json() + "\n")
    (folder / "b.jsonl").write_text(_logged(1, 0, 0.0).model_dump_json() + "\n")
    assert [item.step for item in read_trajectories(tmp_path).items] == [1, 2]


def test_the_picture_shows_a_right_one_with_a_crop(tmp_path: Path) -> None:
    right, wrong, direct = _logged(3, 1, 1.0), _logged(9, 1, 0.0), _logged(8, 0, 1.0)
    assert trajectory_image.choose([right, direct, wrong]) is right
    assert trajectory_image.choose([wrong, direct]) is wrong
    assert trajectory_image.choose([direct]) is None

    images = tmp_path / "images"
    images.mkdir()
    view = QWEN2_5_VL.view
    scene = draw(Scene(1, Pattern.VERTICAL), view)
    scene.save(images / "scene.png")
    cut(scene, 1).save(images / "crop.png")
    trajectory_image.draw_trajectory(right, tmp_path, view.side, tmp_path / "out.png")
    assert Image.open(tmp_path / "out.png").size[0] > 1000


def test_only_an_earlier_demo_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").touch()
    with pytest.raises(OutputTakenError):
        DemoOptions(output=tmp_path).clear_output()
    assert (tmp_path / "data" / "precious").exists()

    ours = DemoOptions(output=tmp_path / "ours")
    ours.clear_output()
    ours.model.mkdir()
    ours.clear_output()
    assert not ours.model.exists()


def test_judge_is_the_rules_unless_a_server_is_named() -> None:
    options = DemoOptions()
    assert plugin_environment(options, {})["DEEPEYES_JUDGE"] == "rule"
    server = {"DEEPEYES_JUDGE_BASE_URL": "http://judge:18901/v1"}
    assert plugin_environment(options, server)["DEEPEYES_JUDGE"] == "openai"
    chosen = {**server, "DEEPEYES_JUDGE": "rule"}
    assert plugin_environment(options, chosen)["DEEPEYES_JUDGE"] == "rule"

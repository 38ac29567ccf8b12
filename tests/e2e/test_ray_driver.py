"""The Ray run's configuration in ms-swift's own Ray driver: scheduler, rewards and crops."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from swift_deepeyes.demo.processes import swift_environment
from tests.e2e.ray_driver import GENERATIONS, PROMPTS
from tests.e2e.toy import Toy
from tests.scripts.captured import SCRIPTS, recorded

pytestmark = pytest.mark.e2e


def test_a_batch_goes_through_rays_driver(toy: Toy, tmp_path: Path) -> None:
    script = SCRIPTS / "runs/7b_ray.sh"
    call = recorded(script, tmp_path, "train", OUTPUT=str(tmp_path / "out"))
    info = toy.options.data.resolve() / "dataset_info.json"
    words = [call.words[-1], str(toy.checkpoint), str(info), str(tmp_path / "out")]
    result = subprocess.run(
        [sys.executable, "-m", "tests.e2e.ray_driver", *words],
        cwd=SCRIPTS.parent,
        env=swift_environment({"DEEPEYES_JUDGE": "rule"}),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    got = json.loads(result.stdout.rpartition("ANSWER")[2])
    assert got["scheduler"] == "DeepEyesScheduler"
    parts = ("Reward", "Accuracy", "Format", "Tool")
    assert got["reward_names"] == [f"DeepEyes{part}" for part in parts]
    assert len(got["records"]) == PROMPTS * GENERATIONS
    for record, reference, rewards in zip(
        got["records"], got["references"], got["rewards"], strict=True
    ):
        # No column of the row arrives; the prompt says which tools there are.
        assert (record["toolbox"], record["crops"]) == ("visual_toolbox_v2", 1)
        assert [len(turn["calls"]) for turn in record["turns"]] == [1, 0]
        right = float(reference == "dots")
        assert rewards == [2 * right, right, 0, right]
    assert got["images"] == [2] * len(got["images"])
    # Of the source and of the crop, and nothing but the model's own tokens is trained.
    assert min(got["image_tokens"]) > 16
    assert got["trained"] == got["written"]

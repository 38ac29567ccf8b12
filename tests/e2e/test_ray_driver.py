"""The Ray run's configuration in ms-swift's own Ray driver: scheduler, rewards and crops."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.processes import swift_environment
from tests.e2e.toy import Toy
from tests.scripts.captured import SCRIPTS, recorded

pytestmark = pytest.mark.e2e
PROMPTS, GENERATIONS = 4, 2


def test_a_batch_goes_through_rays_driver(toy: Toy, tmp_path: Path) -> None:
    script = SCRIPTS / "runs/7b_ray.sh"
    call = recorded(script, tmp_path, "train", OUTPUT=str(tmp_path / "out"))
    arguments = commands.toy_arguments(toy.checkpoint)
    changes = {arguments[i][2:]: arguments[i + 1] for i in range(0, len(arguments), 2)} | {
        "custom_dataset_info": [str(toy.options.data.resolve() / "dataset_info.json")],
        "dataset": [commands.DATASET],
        "external_plugins": [str(commands.PLUGIN), str(commands.TOY_PLUGIN)],
        "output_dir": str(tmp_path / "out"),
        "global_batch_size": PROMPTS * GENERATIONS,
        "num_generations": GENERATIONS,
        "vllm_max_model_len": 1024,
        "max_length": 1024,
        "dataset_num_proc": 1,
        "check_model": False,
    }
    result = subprocess.run(
        [sys.executable, "-m", "tests.e2e.ray_driver", call.words[-1], json.dumps(changes)],
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

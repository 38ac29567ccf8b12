"""The Megatron and Ray runs, parsed by ms-swift's own classes (`megatron_arguments.py`)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.captured import PLUGIN, SCRIPTS, Call, recorded

NODES = {"JUDGE_HOST": "j1", "ROLLOUT_HOST": "r1", "MASTER_ADDR": "t1", "NODE_RANK": "0"}


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Call]:
    def call(run: str, role: str, **env: str) -> Call:
        folder = tmp_path_factory.mktemp("call")
        script = SCRIPTS / "runs" / f"{run}.sh"
        return recorded(script, folder, role, OUTPUT=str(folder / "out"), **(NODES | env))

    return {
        "server": call("7b_megatron", "train"),
        "colocate": call("7b_megatron", "train", ROLLOUT="colocate"),
        "lora": call("7b_megatron", "train", TUNER="lora"),
        "stable": call("7b_megatron", "train", RECIPE="stable"),
        "ray": call("7b_ray", "train"),
        "head": call("7b_ray", "node"),
        "worker": call("7b_ray", "node", RAY_HEAD="one"),
    }


@pytest.fixture(scope="module")
def answers(calls: dict[str, Call]) -> dict[str, Any]:
    """One process for all: the imports take most of the time."""
    commands: dict[str, Any] = {}
    for name in ("server", "colocate", "lora", "stable"):
        assert (calls[name].program, calls[name].command) == ("megatron", "rlhf")
        commands[name] = calls[name].words[1:], calls[name].gpus
    commands["ray"] = calls["ray"].words[-1]
    script = Path(__file__).parent / "megatron_arguments.py"
    result = subprocess.run(
        [sys.executable, str(script)], input=json.dumps(commands), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout.rpartition("ANSWERS")[2]))


@pytest.mark.parametrize("name", ["server", "colocate", "lora", "ray"])
def test_every_flag_is_known_and_trains_as_elsewhere(answers: dict[str, Any], name: str) -> None:
    assert answers[name]["unknown"] == []
    args = answers[name]["args"]
    assert (args["rlhf_type"], args["loss_scale"]) == ("grpo", "default")
    assert (args["lr"], args["lr_decay_style"], args["beta"]) == (1e-6, "constant", 0)
    assert (args["num_generations"], args["train_iters"], args["temperature"]) == (16, 80, 1)
    assert (args["adam_beta2"], args["weight_decay"]) == (0.999, 0.01)
    # Under Ray it bounds the conversation, elsewhere the prompt.
    max_length = 8192 + 20480 if name == "ray" else 8192
    assert (args["max_length"], args["max_completion_length"]) == (max_length, 10240)
    assert args["truncation_strategy"] == "delete"
    assert args["tensor_model_parallel_size"] == 2 and args["sequence_parallel"]
    assert args["recompute_granularity"] == "full"
    assert args["reward_funcs"][0] == "deepeyes_reward" and args["reward_weights"] == [1, 0, 0, 0]
    assert Path(args["external_plugins"][0]).samefile(PLUGIN)
    assert len(args["dataset"]) == 3
    tuner = "lora" if name == "lora" else "full"
    assert (args["tuner_type"], args["freeze_vit"]) == (tuner, tuner == "lora")


def test_the_stable_recipe_is_known_there_too(answers: dict[str, Any]) -> None:
    paper, stable = answers["server"]["args"], answers["stable"]["args"]
    assert answers["stable"]["unknown"] == []
    changed = {name: value for name, value in stable.items() if paper[name] != value}
    del changed["output_dir"]  # each call has its own
    assert changed == {
        "epsilon_high": 0.28,
        "dynamic_sample": True,
        "loss_type": "dapo",
        "overlong_filter": True,
        "rollout_importance_sampling_mode": "token_truncate",
    }


def test_updates_are_of_the_size_that_the_headers_say(answers: dict[str, Any]) -> None:
    assert answers["server"]["batch"] == answers["colocate"]["batch"] == 256 * 16
    assert answers["ray"]["batch"] == 64 * 16


def test_server_mode_is_as_elsewhere(answers: dict[str, Any], calls: dict[str, Call]) -> None:
    args, call = answers["server"]["args"], calls["server"]
    assert (args["vllm_mode"], args["vllm_server_host"]) == ("server", ["r1"])
    assert args["vllm_server_pass_dataset"] and args["multi_turn_scheduler"] is None
    assert (call.env["NNODES"], call.env["NODE_RANK"], call.env["MASTER_ADDR"]) == ("4", "0", "t1")
    assert call.env["DEEPEYES_JUDGE_BASE_URL"] == "http://j1:18901/v1"


def test_colocate_mode_has_the_scheduler_itself(answers: dict[str, Any]) -> None:
    args = answers["colocate"]["args"]
    assert (args["vllm_mode"], args["multi_turn_scheduler"]) == ("colocate", "deepeyes_scheduler")
    assert (args["max_turns"], args["sleep_level"]) == (5, 1)
    assert args["offload_model"] and args["offload_optimizer"]


def test_ray_has_the_scheduler_in_its_driver(
    answers: dict[str, Any], calls: dict[str, Call]
) -> None:
    ray, call = answers["ray"], calls["ray"]
    assert call.words[:-1] == ["rlhf", "--use_ray", "true", "--config"]
    assert not {"NPROC_PER_NODE", "NNODES"} & call.env.keys()  # torchrun would start
    assert ray["args"]["multi_turn_scheduler"] == "deepeyes_scheduler"
    # The driver has no engine to ask how long a conversation may be.
    assert ray["args"]["vllm_max_model_len"] == 8192 + 20480 == ray["engine"]["max_model_len"]
    assert ray["engine"]["limit_mm_per_prompt"] == {"image": 32, "video": 0}
    assert ray["engine"]["enable_sleep_mode"] is True
    assert ray["engine"]["gpu_memory_utilization"] == 0.5
    assert ray["nodes"] == [8, 8]
    assert call.env["DEEPEYES_JUDGE_CONCURRENCY"] == "256"


def test_ray_nodes_have_the_pixels_of_the_run(calls: dict[str, Call]) -> None:
    head, worker = calls["head"], calls["worker"]
    assert head.words == ["start", "--head", "--port", "6379", "--block"]
    assert worker.words == ["start", "--address", "one:6379", "--block"]
    assert head.env["MAX_PIXELS"] == worker.env["MAX_PIXELS"] == calls["ray"].env["MAX_PIXELS"]

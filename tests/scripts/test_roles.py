"""The scripts of each role, with their defaults, parsed by ms-swift's own classes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.settings import Settings
from tests.scripts.captured import PLUGIN, ROOT, SCRIPTS, run, update_size

NODES = {"MASTER_ADDR": "one", "NODE_RANK": "0"}


def test_judge(capture: Any) -> None:
    call = capture("deploy_judge.sh")
    assert (call.command, call.args.model) == ("deploy", "Qwen/Qwen2.5-VL-72B-Instruct")
    assert (call.args.served_model_name, call.args.infer_backend) == ("judge", "vllm")
    assert call.args.vllm_tensor_parallel_size == 4
    assert call.env["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"
    (address,) = Settings().judge_base_url
    assert address == f"http://127.0.0.1:{call.args.port}/v1"
    assert capture("deploy_judge.sh", JUDGE="text").args.model == "Qwen/Qwen2.5-72B-Instruct"


def test_rollout(capture: Any) -> None:
    call = capture("rollout.sh")
    args = call.args
    assert (call.command, args.multi_turn_scheduler) == ("rollout", "deepeyes_scheduler")
    assert args.max_turns == 5
    assert args.vllm_use_async_engine is True
    assert args.vllm_data_parallel_size * args.vllm_tensor_parallel_size == 8
    assert args.api_key is None  # the trainer's client sends none
    assert Path(args.external_plugins[0]).samefile(PLUGIN)


@pytest.mark.parametrize("script", ["deploy_judge.sh", "rollout.sh", "train_server.sh"])
def test_devices_that_were_chosen_stay_chosen(capture: Any, script: str) -> None:
    call = capture(script, CUDA_VISIBLE_DEVICES="4,5")
    assert call.env["CUDA_VISIBLE_DEVICES"] == "4,5"


def test_server_mode_sides_agree(capture: Any) -> None:
    rollout, trainer = capture("rollout.sh"), capture("train_server.sh")
    for name in ("MAX_PIXELS", "DEEPEYES_MAX_IMAGES"):
        assert rollout.env[name] == trainer.env[name]
    assert trainer.args.model == rollout.args.model
    assert trainer.args.external_plugins == rollout.args.external_plugins
    assert trainer.args.vllm_server_port == [rollout.args.port]
    assert rollout.args.port != capture("deploy_judge.sh").args.port
    assert trainer.args.vllm_mode == "server" and trainer.args.use_vllm
    assert trainer.args.vllm_server_pass_dataset is True
    # On the trainer it would mean that the trainer runs the turns itself.
    assert trainer.args.multi_turn_scheduler is None
    other = {"MAX_PIXELS": "602112"}
    assert capture("rollout.sh", **other).env["MAX_PIXELS"] == "602112"
    assert capture("train_server.sh", **other).env["MAX_PIXELS"] == "602112"


def test_several_servers(capture: Any) -> None:
    call = capture("train_server.sh", ROLLOUT_HOST="one two", JUDGE_HOST="three four")
    assert call.args.vllm_server_host == ["one", "two"]
    assert call.args.vllm_server_port == [18902, 18902]
    addresses = "http://three:18901/v1,http://four:18901/v1"
    assert call.env["DEEPEYES_JUDGE_BASE_URL"] == addresses


def test_colocate(capture: Any) -> None:
    args = capture("train_colocate.sh").args
    assert (args.vllm_mode, args.multi_turn_scheduler) == ("colocate", "deepeyes_scheduler")
    assert args.max_turns == 5
    assert args.sleep_level == 1 and args.offload_model and args.offload_optimizer


@pytest.mark.parametrize("script", ["rollout.sh", "train_colocate.sh"])
def test_engines_limits_are_the_episodes(capture: Any, script: str) -> None:
    call = capture(script)
    assert call.args.vllm_max_model_len == 8192 + 20480
    limit = json.loads(call.args.vllm_limit_mm_per_prompt)
    assert limit["image"] == int(call.env["DEEPEYES_MAX_IMAGES"]) == Settings().max_images


@pytest.mark.parametrize("script", ["train_server.sh", "train_colocate.sh"])
def test_training_settings(capture: Any, script: str) -> None:
    call = capture(script)
    args = call.args
    assert (call.command, args.rlhf_type, args.tuner_type) == ("rlhf", "grpo", "full")
    kinds = ("reward", "accuracy", "format", "tool")
    assert args.reward_funcs == [f"deepeyes_{kind}" for kind in kinds]
    assert args.reward_weights == [1, 0, 0, 0]
    assert args.loss_scale == "default"
    # On other machines a rank must notice that one is gone, but not while the judge is awaited.
    assert Settings().judge_wait + 3600 <= args.ddp_timeout <= 24 * 3600
    assert (args.learning_rate, args.beta, args.temperature) == (1e-6, 0, 1.0)
    assert (args.freeze_vit, args.freeze_aligner) == (False, False)
    assert (args.max_length, args.max_completion_length) == (8192, 10240)
    assert (args.truncation_strategy, args.completion_length_limit_scope) == ("delete", "per_round")
    entries = json.loads((ROOT / "dataset_info.json").read_text())
    assert args.dataset == [entry["dataset_name"] for entry in entries]
    assert Path(args.custom_dataset_info[0]).samefile(ROOT / "dataset_info.json")
    assert call.env["DEEPEYES_JUDGE_BASE_URL"] == Settings().judge_base_url[0]
    assert call.env["NPROC_PER_NODE"] == "8"


@pytest.mark.parametrize(
    ("env", "gpus"),
    [({}, 8), ({"NNODES": "4", **NODES}, 32), ({"NPROC_PER_NODE": "4", "BATCH": "2"}, 4)],
)
@pytest.mark.parametrize("script", ["train_server.sh", "train_colocate.sh"])
def test_the_update_is_the_papers_on_any_number_of_gpus(
    capture: Any, script: str, env: dict[str, str], gpus: int
) -> None:
    call = capture(script, **env)
    assert (call.gpus, update_size(call)) == (gpus, 256 * 16)


def test_an_older_judge_variable_is_kept(capture: Any) -> None:
    call = capture("train_server.sh", LLM_AS_A_JUDGE_BASE="http://judge:18901/v1")
    assert call.env["DEEPEYES_JUDGE_BASE_URL"] == "http://judge:18901/v1"


@pytest.mark.parametrize(
    ("script", "env", "message"),
    [
        ("deploy_judge.sh", {"JUDGE": "best"}, "JUDGE=best is not allowed: vision or text"),
        ("train_server.sh", {"PROMPTS": "3", "NPROC_PER_NODE": "5"}, "must be a multiple of GPUs"),
        ("train_server.sh", {"MICRO_STEPS_PER_GENERATION": "7"}, "must divide 512"),
        ("train_server.sh", {"MICRO_STEPS_PER_GENERATION": "1"}, "a multiple of GENERATIONS"),
        ("train_server.sh", {"NNODES": "2"}, "set MASTER_ADDR"),
        ("train_server.sh", {"NNODES": "2", "MASTER_ADDR": "one"}, "set NODE_RANK"),
        ("train_server.sh", {"TUNER": "qlora"}, "TUNER=qlora is not allowed: full or lora"),
        ("train_megatron.sh", {"ROLLOUT": "ray"}, "ROLLOUT=ray is not allowed: server or colocate"),
        ("train_megatron.sh", {"PROMPTS": "6"}, "must be a multiple of data parallel size"),
        ("train_megatron.sh", {"TENSOR_MODEL_PARALLEL": "3"}, "the GPUs (8) must be a multiple of"),
        ("download_data.sh", {"SOURCE": "ftp"}, "SOURCE=ftp is not allowed: modelscope or hf"),
    ],
)
def test_wrong_settings_are_named(
    tmp_path: Path, script: str, env: dict[str, str], message: str
) -> None:
    result = run(SCRIPTS / script, tmp_path, **env)
    assert result.returncode == 1
    assert message in result.stderr
    assert not (tmp_path / "call.json").exists()


@pytest.mark.parametrize(
    ("script", "variable"),
    [
        ("deploy_judge.sh", "JUDGE_PORT"),
        ("rollout.sh", "ROLLOUT_PORT"),
        ("ray_node.sh", "RAY_PORT"),
    ],
)
def test_a_busy_port_is_an_error(tmp_path: Path, script: str, variable: str) -> None:
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = str(other.getsockname()[1])
        result = run(SCRIPTS / script, tmp_path, **{variable: port})
    assert result.returncode == 1
    assert f"port {port} is busy; stop what listens there, or set {variable}" in result.stderr
    assert not (tmp_path / "call.json").exists()


@pytest.mark.parametrize("script", sorted(SCRIPTS.rglob("*.sh")), ids=lambda path: path.name)
def test_shell_syntax(script: Path) -> None:
    result = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_shellcheck() -> None:
    scripts = [str(path) for path in sorted(SCRIPTS.rglob("*.sh"))]
    shellcheck = Path(sys.executable).with_name("shellcheck")  # of the extra [dev]
    command = [str(shellcheck), "-x", "-P", "SCRIPTDIR", *scripts]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout

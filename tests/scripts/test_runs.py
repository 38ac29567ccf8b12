"""The runs of `scripts/runs`: every role is parsed, both sides agree, and the header is true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scripts import table_of_runs
from scripts.table_of_runs import figure_text, planned
from swift_deepeyes.cli.main import app
from swift_deepeyes.planning.gpus import GPUS
from swift_deepeyes.planning.models import MODELS
from swift_deepeyes.planning.setup import IMAGE_MARKS, image_tokens
from tests.scripts.captured import SCRIPTS, run, update_size

RUNS = sorted((SCRIPTS / "runs").glob("*.sh"))
NAMES = [path.stem for path in RUNS]
# What a user of several nodes sets, here to addresses that nobody asks.
NODES = {"JUDGE_HOST": "j1", "ROLLOUT_HOST": "r1 r2", "MASTER_ADDR": "t1", "NODE_RANK": "0"}
SWIFT_RUNS = [name for name in NAMES if name not in ("7b_megatron", "7b_ray")]
SERVER_RUNS = [name for name in SWIFT_RUNS if name not in ("3b_lora_1_gpu", "7b_colocate")]


def part(name: str, title: str) -> str:
    return table_of_runs.part(SCRIPTS / "runs" / f"{name}.sh", title)


def update(name: str) -> tuple[int, int, int]:
    found = re.fullmatch(r"(\d+) prompts x (\d+) generations on (\d+) GPUs?", part(name, "Update"))
    assert found, part(name, "Update")
    return int(found[1]), int(found[2]), int(found[3])


def plan_options(name: str) -> dict[str, str]:
    words = shlex.split(part(name, "Plan"))
    assert words[:2] == ["swift-deepeyes", "plan"]
    pairs = zip(words[2:], [*words[3:], "--"], strict=True)
    return {word[2:]: "" if value[:2] == "--" else value for word, value in pairs if "--" in word}


def captured(capture: Any, name: str, role: str, **env: str) -> Any:
    return capture(f"runs/{name}.sh", role, **(NODES | env))


@pytest.mark.parametrize("name", NAMES)
def test_the_header_is_complete_and_the_rest_is_settings(name: str) -> None:
    for title in table_of_runs.PARTS:
        assert part(name, title)
    text = (SCRIPTS / "runs" / f"{name}.sh").read_text()
    settings = text.partition("set -a\n")[2].partition("set +a\n")[0].splitlines()
    assert settings
    for line in settings:  # each one can be set from outside
        assert re.fullmatch(r': "\$\{[A-Z_]+:=[^}]+\}"( # .*)?', line), line


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_role_prints_the_roles(name: str, tmp_path: Path) -> None:
    roles = re.findall(r"(\w+)=\w+\.sh", (SCRIPTS / "runs" / f"{name}.sh").read_text())
    assert "train" in roles
    for wrong in ([], ["trainer"]):
        result = run(SCRIPTS / "runs" / f"{name}.sh", tmp_path, *wrong)
        assert result.returncode == 1
        assert result.stderr.strip().endswith("one of: " + " ".join(roles))


def quoted_figures(text: str) -> set[str]:
    return set(re.findall(r'"([\d.,]+ [\w-]+)"', text))


def shown(name: str, *options: str) -> set[str]:
    """The cells of the table that the header's plan shows."""
    command = shlex.split(part(name, "Plan"))[1:]
    result = CliRunner().invoke(app, [*command, *options, "--full"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "not fit" not in result.output
    return {" ".join(cell.split()) for cell in result.output.split("│")}


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_works_and_its_memory_is_quoted(name: str) -> None:
    quoted = quoted_figures(part(name, "Memory"))
    assert quoted and quoted <= shown(name)


@pytest.mark.parametrize("name", NAMES)
def test_times_are_quoted_for_each_card_with_gpu_hours(name: str) -> None:
    certainty, *texts = re.split(r"\bon ([A-Z]+ ?\d+)\b", part(name, "Time"))
    of_cards = dict(zip(texts[::2], texts[1::2], strict=True))
    assert {"A100", "H100"} <= of_cards.keys()
    for card, text in of_cards.items():
        option = next(option for option, gpu in GPUS.items() if gpu.name == card)
        quoted = quoted_figures(text)
        assert quoted <= shown(name, "--gpu", option), card
        plan = planned(SCRIPTS / "runs" / f"{name}.sh", option)[1]
        assert {figure_text(plan, figure) for figure in ("step", "run")} <= quoted
        if card in ("A100", "H100"):
            assert figure_text(plan, "all GPUs") in quoted
    assert f"({plan.figure('step').certainty})" in certainty
    assert f"({plan.figure('longest sum').certainty})" in part(name, "Memory")


@pytest.mark.parametrize("name", NAMES)
def test_the_machines_have_the_memory_that_is_planned(name: str) -> None:
    has = re.search(r"(\d+) GB of memory", part(name, "Hardware"))
    assert has, part(name, "Hardware")
    plan = planned(SCRIPTS / "runs" / f"{name}.sh")[1]
    assert plan.figure("node sum").value <= 0.9 * int(has[1]) * 1e9


@pytest.mark.parametrize("name", SWIFT_RUNS)
def test_trainer_and_header_agree(capture: Any, name: str) -> None:
    call, (prompts, generations, gpus) = captured(capture, name, "train"), update(name)
    plan = plan_options(name)
    assert (
        call.gpus
        == gpus
        == len(call.env["CUDA_VISIBLE_DEVICES"].split(",")) * int(call.env["NNODES"])
    )
    assert call.args.num_generations == generations
    assert update_size(call) == prompts * generations
    assert plan.get("prompts", "256") == str(prompts)
    assert plan.get("generations", "16") == str(generations)
    assert int(plan.get("steps", "80")) == call.args.max_steps
    assert MODELS[plan["model"]].name == call.args.model
    assert plan.get("max-pixels", "2007040") == call.env["MAX_PIXELS"]
    assert int(plan.get("max-prompt", "8192")) == call.args.max_length
    assert int(plan.get("max-turn-tokens", "10240")) == call.args.max_completion_length
    waiting = planned(SCRIPTS / "runs" / f"{name}.sh")[0].waiting
    assert waiting == call.args.steps_per_generation
    assert ("lora" in plan) == (call.args.tuner_type == "lora")
    assert ("offload" in plan) == (call.args.deepspeed == "zero3_offload")
    assert ("colocate" in plan) == (call.args.vllm_mode == "colocate")
    if "colocate" in plan:
        assert int(plan.get("max-turns", "5")) == call.args.max_turns
        context = int(plan.get("max-prompt", "8192")) + int(plan.get("max-response", "20480"))
        assert context == call.args.vllm_max_model_len
        assert float(plan["rollout-memory"]) == call.args.vllm_gpu_memory_utilization
        assert int(plan["gpus"]) == gpus


@pytest.mark.parametrize("name", SERVER_RUNS)
def test_rollout_and_trainer_agree(capture: Any, name: str) -> None:
    rollout, trainer = captured(capture, name, "rollout"), captured(capture, name, "train")
    for variable in ("MAX_PIXELS", "DEEPEYES_MAX_IMAGES"):
        assert rollout.env[variable] == trainer.env[variable]
    assert rollout.args.model == trainer.args.model
    assert trainer.args.vllm_server_port == [rollout.args.port] * 2
    assert trainer.args.vllm_server_host == ["r1", "r2"]
    assert rollout.args.vllm_max_model_len >= trainer.args.max_length
    plan, devices = plan_options(name), rollout.env["CUDA_VISIBLE_DEVICES"].split(",")
    args = rollout.args
    assert int(plan.get("max-turns", "5")) == args.max_turns
    context = int(plan.get("max-prompt", "8192")) + int(plan.get("max-response", "20480"))
    assert context == args.vllm_max_model_len
    assert args.vllm_data_parallel_size * args.vllm_tensor_parallel_size == len(devices)
    assert int(plan["rollout-gpus"]) % len(devices) == 0
    assert int(plan["gpus"]) == int(plan["rollout-gpus"]) + trainer.gpus
    assert plan.get("tensor-parallel", "1") == str(args.vllm_tensor_parallel_size)
    if trainer.env["NNODES"] == "1":  # they share the node
        assert not set(devices) & set(trainer.env["CUDA_VISIBLE_DEVICES"].split(","))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "3b_lora_1_gpu"])
def test_the_judge_is_the_papers_and_is_found(capture: Any, name: str) -> None:
    judge, trainer = captured(capture, name, "judge"), captured(capture, name, "train")
    assert judge.args.model == "Qwen/Qwen2.5-VL-72B-Instruct"
    devices = judge.env["CUDA_VISIBLE_DEVICES"].split(",")
    assert judge.args.vllm_tensor_parallel_size == len(devices)
    assert trainer.env["DEEPEYES_JUDGE_BASE_URL"] == f"http://j1:{judge.args.port}/v1"


def test_one_gpu(capture: Any) -> None:
    call = captured(capture, "3b_lora_1_gpu", "train")
    args = call.args
    assert (args.tuner_type, args.lora_rank, args.lora_alpha) == ("lora", 64, 128)
    assert (args.lora_dropout, args.target_modules) == (0, ["all-linear"])
    assert args.freeze_vit and args.freeze_aligner
    assert args.deepspeed is None
    assert call.env["DEEPEYES_JUDGE"] == "rule"
    assert args.vllm_max_model_len == 3072 + 2048
    remote = captured(capture, "3b_lora_1_gpu", "train", DEEPEYES_JUDGE="openai")
    assert remote.env["DEEPEYES_JUDGE"] == "openai"
    assert remote.env["DEEPEYES_JUDGE_BASE_URL"] == "http://j1:18901/v1"


def test_the_one_gpu_run_on_a_larger_card() -> None:
    """What its header advises for 48 GB fits there by the plan."""
    advised = dict(re.findall(r"(MAX_\w+)=(\d+)", part("3b_lora_1_gpu", "Memory")))
    names = {"MAX_PIXELS": "max-pixels", "MAX_PROMPT_TOKENS": "max-prompt"}
    names |= {"MAX_RESPONSE_TOKENS": "max-response", "MAX_TURN_TOKENS": "max-turn-tokens"}
    assert advised.keys() == names.keys()
    options = [word for name, value in advised.items() for word in (f"--{names[name]}", value)]
    shown("3b_lora_1_gpu", "--gpu", "l40s", *options)


def test_32b_takes_a_whole_node_per_rollout_server(capture: Any) -> None:
    args = captured(capture, "32b_8_nodes", "rollout").args
    assert (args.vllm_tensor_parallel_size, args.vllm_data_parallel_size) == (4, 2)
    assert args.max_turns == 20


def test_the_families_see_the_same_tokens(capture: Any) -> None:
    """2560, of 28x28 pixels in Qwen2.5-VL and of 32x32 in Qwen3-VL and Qwen3.5."""
    models = {"7b_4_nodes": "7b", "qwen3_vl_8b": "qwen3-8b", "qwen3_5_9b": "qwen3.5-9b"}
    for name, model in models.items():
        call = captured(capture, name, "train")
        assert call.args.model == MODELS[model].name
        assert call.args.max_pixels is None  # the variable is what both sides read
        pixels = int(call.env["MAX_PIXELS"])
        assert image_tokens(pixels, MODELS[model].token_side) == 2560 + IMAGE_MARKS


def thoughts(call: Any) -> tuple[object, object, object]:
    """How a command's template treats them."""
    args = call.args
    return args.enable_thinking, args.preserve_thinking, args.response_prefix


@pytest.mark.parametrize("role", ["rollout", "train"])
def test_thoughts_are_treated_alike_on_both_sides(capture: Any, role: str) -> None:
    assert thoughts(captured(capture, "qwen3_5_9b", role)) == (True, True, None)
    assert thoughts(captured(capture, "qwen3_vl_8b", role)) == (None, None, None)
    assert thoughts(captured(capture, "7b_4_nodes", role)) == (None, None, None)
    thinking = captured(capture, "qwen3_vl_8b", role, ENABLE_THINKING="true")
    assert thoughts(thinking) == (True, True, None)
    own = {"ENABLE_THINKING": "false", "PRESERVE_THINKING": "false", "RESPONSE_PREFIX": "<think>"}
    assert thoughts(captured(capture, "qwen3_5_9b", role, **own)) == (False, False, "<think>")


def test_the_judge_thinks_as_its_own_template_does(capture: Any) -> None:
    assert thoughts(captured(capture, "qwen3_5_9b", "judge")) == (None, None, None)


@pytest.mark.parametrize("name", SWIFT_RUNS)
def test_prompts_are_the_familys_for_families_of_another_frame(capture: Any, name: str) -> None:
    call = captured(capture, name, "train")
    expected = "family" if name.startswith("qwen3") else "published"
    assert call.env["DEEPEYES_PROMPT"] == expected


def test_settings_from_outside_win(capture: Any) -> None:
    call = captured(capture, "32b_8_nodes", "train", MODEL="mine", NNODES="2", PROMPTS="128")
    assert (call.args.model, call.gpus, update_size(call)) == ("mine", 16, 128 * 16)
    assert captured(capture, "32b_8_nodes", "rollout", MAX_TURNS="6").args.max_turns == 6


def test_the_readme_has_the_table_of_runs() -> None:
    table = "\n".join(table_of_runs.table())
    assert sorted(re.findall(r"^\| `(\w+)\.sh` \|", table, re.M)) == NAMES
    assert table in (SCRIPTS / "README.md").read_text()

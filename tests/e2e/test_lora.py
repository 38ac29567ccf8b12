"""The one-GPU run (LoRA, colocate) by its script's own flags, on the toy; its plan, measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.processes import SwiftProcess, free_port
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.planning.measured import compare, read_measured
from swift_deepeyes.planning.models import MODELS
from swift_deepeyes.planning.setup import (
    IMAGE_MARKS,
    JudgeSetup,
    Lengths,
    Mode,
    Setup,
    mean_trajectory,
)
from tests.e2e.toy import Toy, logged, training_steps, with_values
from tests.scripts.captured import SCRIPTS, recorded

pytestmark = pytest.mark.e2e
COUNTER = Path(__file__).parent / "plugins" / "count_tokens.py"
STEPS, PROMPTS, GENERATIONS = 2, 2, 8
LAUNCH = ("NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_ADDR")


def replaced(words: list[str], name: str, *values: str) -> list[str]:
    """The command with other values for an option that has several."""
    at = words.index(f"--{name}") + 1
    end = next((i for i in range(at, len(words)) if words[i].startswith("--")), len(words))
    return [*words[:at], *values, *words[end:]]


def one_gpu(toy: Toy, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The script's command for the toy: only what a toy or a CPU cannot have is changed."""
    chosen = {"PROMPTS": str(PROMPTS), "GENERATIONS": str(GENERATIONS), "STEPS": str(STEPS)}
    # A step so large that a policy which never reached vLLM would show.
    chosen |= {"BATCH": "4", "LEARNING_RATE": "3e-3", "REPORT_TO": "none"}
    call = recorded(SCRIPTS / "runs/3b_lora_1_gpu.sh", folder, "train", **chosen)
    words = replaced(
        call.words,
        "external_plugins",
        *(str(path) for path in (commands.PLUGIN, commands.TOY_PLUGIN, COUNTER)),
    )
    words = replaced(words, "dataset", commands.DATASET)
    toys = commands.toy_arguments(toy.checkpoint) + commands.toy_vllm_arguments()
    values = {toys[i].removeprefix("--"): toys[i + 1] for i in range(0, len(toys), 2)}
    values |= {
        "custom_dataset_info": str(toy.options.data.resolve() / "dataset_info.json"),
        "output_dir": str(folder / "grpo"),
        "max_length": "1024",
        "max_completion_length": "96",
        "dataset_num_proc": "1",
        "dataloader_num_workers": "0",
        # vLLM has no sleep mode on a CPU, and there is nowhere to move the trainer to.
        "sleep_level": "0",
        "offload_model": "false",
        "offload_optimizer": "false",
        "check_model": "false",
        "add_version": "false",
        "gradient_checkpointing": "false",
        "callbacks": "count_tokens",
        "log_rollout_offpolicy_metrics": "true",
        "seed": "3",
    }
    environment = {name: call.env[name] for name in LAUNCH}
    environment |= {"DEEPEYES_JUDGE": call.env["DEEPEYES_JUDGE"], "MASTER_PORT": str(free_port())}
    return with_values(words, **values), environment


@pytest.fixture(scope="module")
def run(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("lora")
    words, environment = one_gpu(toy, folder)
    environment |= {
        "DEEPEYES_CROP_SOURCE": "original",
        "DEEPEYES_LOG_DIR": str(folder / "log"),
        "COUNT_TOKENS_FILE": str(folder / "tokens.jsonl"),
    }
    with SwiftProcess(words, folder / "train.log", environment) as process:
        process.wait(600)
    yield folder


def test_adapters_are_trained_and_saved(run: Path) -> None:
    steps = training_steps(run / "grpo")
    assert len(steps) == STEPS
    assert any(step["grad_norm"] > 0 for step in steps)
    (config,) = (run / "grpo").glob(f"checkpoint-{STEPS}/adapter_config.json")
    adapter = json.loads(config.read_text())
    assert (adapter["r"], adapter["lora_alpha"], adapter["lora_dropout"]) == (64, 128, 0)
    assert "visual" not in json.dumps(adapter["target_modules"]).replace("(?!visual", "")


def test_crops_come_back(run: Path) -> None:
    trajectories = logged(run / "log")
    assert len(trajectories) == STEPS * PROMPTS * GENERATIONS
    assert any(one.trajectory.crops for one in trajectories)


def test_generation_has_the_weights_that_are_trained(run: Path) -> None:
    """VLLM's probabilities are the trainer's, after updates too."""
    steps = training_steps(run / "grpo")
    distances = [step["rollout_correction/k3_kl"] for step in steps]
    assert all(abs(distance) < 1e-4 for distance in distances), distances


def measured_lengths(run: Path, checkpoint: Path) -> Lengths:
    """A plan's lengths as this run's log has them, text counted by the toy's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    trajectories = logged(run / "log")

    def mean(values: list[int]) -> float:
        return sum(values) / len(values)

    def count(text: str) -> int:
        return len(tokenizer(text.replace("<image>", ""))["input_ids"])

    seen = [turn.observation for one in trajectories for turn in one.trajectory.turns]
    guessed = Lengths(
        max_pixels=QWEN2_5_VL.view.pixels,
        prompt_text_tokens=round(
            mean([sum(count(m.text) for m in t.prompt) for t in trajectories])
        ),
        observation_text_tokens=round(mean([count(text) for text in seen if text])),
    )
    setup = Setup(mode=Mode.COLOCATE, gpus=1, lengths=guessed)
    return read_measured(run / "log", setup).lengths(guessed)


def test_the_plans_formulae_give_what_was_measured(run: Path, toy: Toy) -> None:
    """Tokens, image tokens and judge's questions, against the trainer's own forward passes."""
    lengths = measured_lengths(run, toy.checkpoint)
    trajectories = logged(run / "log")
    answered = sum(one.score.answer is not None for one in trajectories) / len(trajectories)
    setup = Setup(
        model=MODELS["3b"], mode=Mode.COLOCATE, gpus=1, lengths=lengths,
        prompts=PROMPTS, generations=GENERATIONS, judge=JudgeSetup(asked_share=answered),
    )  # fmt: skip
    measured = read_measured(run / "log", setup)
    for row in compare(setup, measured):
        if row.name == "step":  # a CPU is no GPU
            continue
        # Questions are rounded up to whole ones, a mean over steps is not.
        rounding = 1 if "questions" in row.name else 0
        assert row.measured == pytest.approx(row.planned, rel=0.03, abs=rounding), row
    lines = [json.loads(line) for line in (run / "tokens.jsonl").read_text().splitlines()]
    forwards: dict[str, Any] = {
        name: sum(line[name] for line in lines) / len(lines) for name in ("tokens", "images")
    }
    planned = mean_trajectory(lengths, MODELS["3b"].token_side)
    images = 1 + (measured.crops or 0)
    assert forwards["images"] + images * IMAGE_MARKS == pytest.approx(planned.images, rel=0.03)
    chat_marks = 5 * (2 + 2 * lengths.mean_turns)  # <|im_start|>, role, breaks, <|im_end|>
    assert planned.total <= forwards["tokens"] * 1.03
    assert forwards["tokens"] - planned.total <= 1.2 * chat_marks

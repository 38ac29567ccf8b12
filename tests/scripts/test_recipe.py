"""What `RECIPE=paper` and `RECIPE=stable` ask of ms-swift, parsed by its own classes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from swift.arguments import RLHFArguments

from swift_deepeyes.metrics.alarm_texts import Signal, describe
from swift_deepeyes.settings import Settings, known_names
from tests.scripts.captured import SCRIPTS, Call, run

Capture = Callable[..., Call]
PAPER: dict[str, Any] = {
    "epsilon": 0.2,
    "epsilon_high": 0.2,
    "dynamic_sample": False,
    "loss_type": ["grpo"],
    "overlong_filter": False,
    "rollout_importance_sampling_mode": None,
    "top_p": 1.0,
    "top_k": -1,
    "max_grad_norm": 1.0,
}
STABLE: dict[str, Any] = PAPER | {
    "epsilon_high": 0.28,
    "dynamic_sample": True,
    "loss_type": ["dapo"],
    "overlong_filter": True,
    "rollout_importance_sampling_mode": "token_truncate",
}


def values(call: Call) -> dict[str, Any]:
    return {name: getattr(call.args, name) for name in PAPER}


def test_the_papers_recipe_is_the_default_and_what_ms_swift_does_by_itself(
    capture: Capture,
) -> None:
    call = capture("train_colocate.sh")
    assert values(call) == PAPER
    assert call.env["DEEPEYES_MASK_OVER_TURN"] == "false"
    assert values(capture("train_colocate.sh", RECIPE="paper")) == PAPER


def test_the_stable_recipe(capture: Capture) -> None:
    # One generation feeds the update, or the norm would follow.
    call = capture("train_colocate.sh", RECIPE="stable", PROMPTS="32")
    assert values(call) == STABLE
    assert (call.args.max_resample_times, call.args.rollout_importance_sampling_threshold) == (3, 2)
    assert call.env["DEEPEYES_MASK_OVER_TURN"] == "true"


def test_a_loss_over_tokens_of_several_generations_is_cut_at_their_norm(capture: Capture) -> None:
    call = capture("train_server.sh", RECIPE="stable", MICRO_STEPS_PER_GENERATION="64")
    generations = call.args.gradient_accumulation_steps // call.args.steps_per_generation
    assert generations == call.args.max_grad_norm == 8
    call = capture("train_server.sh", RECIPE="stable", LOSS_TYPE="grpo")
    assert call.args.max_grad_norm == 1


def test_the_rollout_server_marks_what_the_trainer_leaves_out(capture: Capture) -> None:
    assert capture("rollout.sh", RECIPE="stable").env["DEEPEYES_MASK_OVER_TURN"] == "true"
    assert capture("rollout.sh").env["DEEPEYES_MASK_OVER_TURN"] == "false"


def test_each_value_can_be_set_from_outside(capture: Capture) -> None:
    chosen = {
        "EPSILON_HIGH": "0.3",
        "DYNAMIC_SAMPLE": "false",
        "MAX_RESAMPLE_TIMES": "5",
        "LOSS_TYPE": "bnpo",
        "OVERLONG_FILTER": "false",
        "DEEPEYES_MASK_OVER_TURN": "false",
        "IMPORTANCE_SAMPLING": "sequence_mask",
        "IMPORTANCE_SAMPLING_THRESHOLD": "3",
    }
    call = capture("train_colocate.sh", RECIPE="stable", **chosen)
    assert values(call) == STABLE | {
        "epsilon_high": 0.3,
        "dynamic_sample": False,
        "loss_type": ["bnpo"],
        "overlong_filter": False,
        "rollout_importance_sampling_mode": "sequence_mask",
    }
    assert (call.args.max_resample_times, call.args.rollout_importance_sampling_threshold) == (5, 3)
    assert call.env["DEEPEYES_MASK_OVER_TURN"] == "false"
    both = values(capture("train_colocate.sh", EPSILON="0.1"))
    assert both == PAPER | {"epsilon": 0.1, "epsilon_high": 0.1}


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"RECIPE": "stabel"}, "error: RECIPE=stabel is not allowed: paper or stable"),
        ({"RECIPE": "stable", "TOP_P": "0.9"}, "needs TOP_P=1 and TOP_K=-1"),
        ({"IMPORTANCE_SAMPLING": "token_mask", "TOP_K": "20"}, "needs TOP_P=1 and TOP_K=-1"),
        ({"DEEPEYES_MASK_OVER_TURN": "true"}, "needs OVERLONG_FILTER=true"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, env: dict[str, str], said: str) -> None:
    result = run(SCRIPTS / "train_colocate.sh", tmp_path, **env)
    assert (result.returncode, said in result.stderr) == (1, True), result.stderr


@pytest.mark.parametrize("signal", list(Signal))
def test_what_an_alarm_advises_can_be_done_with_our_scripts(signal: Signal) -> None:
    text = describe(signal, 0.5, 0.5).partition("Try: ")[2]
    flags = {field.name for field in dataclasses.fields(RLHFArguments)}
    assert set(re.findall(r"--(\w+)", text)) <= flags
    scripts = "".join(path.read_text() for path in SCRIPTS.rglob("*.sh"))
    for variable in set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*(?==|\b)", text)) - {"GPU"}:
        is_setting = variable in known_names()
        assert is_setting or f'"${{{variable}:=' in scripts, variable
    curves = {name.strip("/") for name in re.findall(r"deepeyes/([\w/]+)", text)}
    told = (SCRIPTS.parent / "swift_deepeyes/metrics/README.md").read_text()
    assert all(curve.partition("/")[0] in told for curve in curves)


def test_the_setting_is_off_by_itself() -> None:
    assert Settings.model_fields["mask_over_turn"].default is False

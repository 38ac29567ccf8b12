"""The plan of the one measured run against what was measured: memory, time, each part by itself."""

from __future__ import annotations

import pytest

from swift_deepeyes.planning import calibration, memory, times
from swift_deepeyes.planning.plan import Certainty, make_plan
from swift_deepeyes.planning.setup import Mode, Tuning
from tests.planning.measured_run import LATER, MEMORY, SECONDS, SETUP, TOKENS

MEMORY_TOLERANCE, TIME_TOLERANCE = 0.10, 0.25
MEAN = memory.training_memory(SETUP, SETUP.mean_tokens)
LONGEST = memory.training_memory(SETUP, SETUP.longest_tokens)
STEP = times.step_seconds(SETUP, SETUP.mean_tokens)


def test_the_parts_that_were_measured_are_the_whole_step() -> None:
    parts = SECONDS.model_dump(exclude={"step"})
    assert sum(parts.values()) == pytest.approx(SECONDS.step, abs=0.2)


@pytest.mark.parametrize("part", ["total", "of_model", "images"])
def test_tokens(part: str) -> None:
    assert getattr(SETUP.mean_tokens, part) == pytest.approx(getattr(TOKENS, part), rel=0.05)


@pytest.mark.parametrize(
    ("planned", "measured"),
    [
        pytest.param(MEAN.states + MEAN.pixels, MEMORY.standing, id="standing"),
        pytest.param(MEAN.pixels, MEMORY.pixels, id="pixels"),
        pytest.param(MEAN.allocated, MEMORY.mean, id="mean"),
        pytest.param(LONGEST.allocated, MEMORY.longest, id="longest"),
        pytest.param(
            (LONGEST.logits + LONGEST.inputs) / (SETUP.longest_tokens.of_model),
            MEMORY.logit_row,
            id="a token after the prompt",
        ),
        pytest.param(memory.kv_cache_bytes(SETUP), MEMORY.kv_cache, id="KV cache"),
        pytest.param(
            SETUP.gpu.memory_bytes * SETUP.vllm_share + calibration.ENGINE_BEYOND_SHARE,
            MEMORY.vllm,
            id="vLLM",
        ),
        # PyTorch's cache held a fifth more than was allocated.
        pytest.param(LONGEST.allocated * 1.19 + LONGEST.others, MEMORY.device, id="the device"),
        pytest.param(memory.host_memory(SETUP).total, MEMORY.host, id="the machine"),
    ],
)
def test_memory(planned: float, measured: float) -> None:
    assert planned == pytest.approx(measured, rel=MEMORY_TOLERANCE)


@pytest.mark.parametrize("part", ["generating", "switching", "encoding", "old_logps", "training"])
def test_each_part_of_a_step(part: str) -> None:
    assert getattr(STEP, part) == pytest.approx(getattr(SECONDS, part), rel=TIME_TOLERANCE)


def test_a_step() -> None:
    assert STEP.total == pytest.approx(SECONDS.step, rel=TIME_TOLERANCE)
    assert STEP.exchanging == 0


def test_a_micro_step_by_its_length() -> None:
    """Of the shortest, the median and the longest trajectory of step 3, in seconds."""
    for tokens, seconds in ((1871, 0.51), (3229, 0.63), (8201, 0.84)):
        assert times.training_seconds(SETUP, tokens) == pytest.approx(seconds, rel=TIME_TOLERANCE)


@pytest.mark.parametrize("name", LATER)
def test_runs_that_nothing_was_calibrated_on(name: str) -> None:
    run = LATER[name]
    setup, mean = run.setup, run.setup.mean_tokens
    assert (mean.total, mean.images) == pytest.approx((run.tokens, run.images), rel=0.06)
    share = setup.gpu.memory_bytes * setup.vllm_share + calibration.ENGINE_BEYOND_SHARE
    planned = (
        memory.training_memory(setup, mean).allocated,
        memory.training_memory(setup, setup.longest_tokens).allocated,
        share,
        memory.host_memory(setup).total,
    )
    measured = (run.mean, run.longest, run.vllm, run.host)
    assert planned == pytest.approx(measured, rel=MEMORY_TOLERANCE)
    step = times.step_seconds(setup, mean)
    assert (step.training, step.total) == pytest.approx(
        (run.training, run.step), rel=TIME_TOLERANCE
    )


def test_figures_of_this_kind_are_calibrated_and_of_no_other() -> None:
    others = ({"gpus": 2}, {"tuning": Tuning.FULL}, {"is_offloaded": True})
    names = ("longest sum", "step", "node sum", "KV cache")
    for change in ({}, *others, {"mode": Mode.SERVER, "gpus": 2}):
        plan = make_plan(SETUP.model_copy(update=change))
        expected = Certainty.ARITHMETIC if change else Certainty.CALIBRATED
        assert {plan.figure(name).certainty for name in names} == {expected}, change
    assert make_plan(SETUP).figure("others").certainty is Certainty.MEASURED

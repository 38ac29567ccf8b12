"""Alarms on made-up curves: soon after a fall, never in a healthy run."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from swift_deepeyes.metrics.alarm_texts import Signal
from swift_deepeyes.metrics.alarms import TRIGGERS, Alarm, Watch, watched
from swift_deepeyes.metrics.counts import (
    CROP_SHARE,
    FAILED_CALL_SHARE,
    FALLBACK_SHARE,
    FORMAT_ERROR_SHARE,
    TRUNCATED_SHARE,
)
from swift_deepeyes.metrics.share import Share, chance_above, chance_alike, pooled
from swift_deepeyes.metrics.sums import MetricSums, merged

BATCHES = (16, 128, 4096)
RUNS = 20


class Run:
    """A run whose signal follows `curve`, drawn from `batch` trajectories a step."""

    def __init__(self, signal: Signal, batch: int, seed: int, noise: float = 0.02) -> None:
        self.watch = Watch()
        self.signal, self.batch, self.noise = signal, batch, noise
        self._random = np.random.default_rng(seed)
        self._step = 0

    def go(self, curve: list[float]) -> list[Alarm]:
        alarms: list[Alarm] = []
        for level in curve:
            self._step += 1
            level = float(np.clip(level + self._random.normal(0, self.noise * level), 0, 1))
            share = Share(self._random.binomial(self.batch, level), self.batch)
            alarms += self.watch.observe(self._step, {self.signal: share})
        return alarms


def ramp(start: float, end: float, steps: int) -> list[float]:
    return list(np.linspace(start, end, steps))


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(
    ("before", "after"), [(0.6, 0.0), (0.6, 0.05), (0.9, 0.2), (0.3, 0.0)], ids=str
)
def test_a_sudden_fall_is_told_within_ten_steps(batch: int, before: float, after: float) -> None:
    for seed in range(RUNS):
        run = Run(Signal.TOOL_USE, batch, seed)
        assert run.go([before] * 20) == []
        alarms = run.go([after] * 10)
        assert [alarm.signal for alarm in alarms] == [Signal.TOOL_USE], f"seed {seed}"


@pytest.mark.parametrize("batch", BATCHES)
def test_a_fall_at_step_ten_is_told_by_step_twenty(batch: int) -> None:
    """Field notes: tool calls dead at step 10, seen at step 80."""
    for seed in range(RUNS):
        run = Run(Signal.TOOL_USE, batch, seed)
        assert len(run.go([0.7] * 10 + [0.0] * 10)) == 1


@pytest.mark.parametrize("batch", BATCHES)
def test_a_slow_decline_is_told_within_ten_steps_of_the_third(batch: int) -> None:
    curve = [0.6] * 20 + ramp(0.6, 0.0, 60) + [0.0] * 20
    third = next(step for step, level in enumerate(curve, start=1) if level < 0.2)
    late = 12 if batch == 16 else 10
    for seed in range(RUNS):
        (alarm,) = Run(Signal.TOOL_USE, batch, seed).go(curve)
        assert third - 5 <= alarm.step <= third + late


HEALTHY = {
    "no tool use at all": (Signal.TOOL_USE, [0.0] * 200),
    "next to no tool use": (Signal.TOOL_USE, [0.01] * 200),
    "tool use comes": (Signal.TOOL_USE, [0.0] * 20 + ramp(0.0, 0.9, 100) + [0.9] * 80),
    "steady": (Signal.TOOL_USE, [0.5] * 200),
    "halved": (Signal.TOOL_USE, [0.8] * 50 + ramp(0.8, 0.45, 100) + [0.45] * 50),
    "waves": (Signal.TOOL_USE, [0.5 + 0.12 * np.sin(step / 8) for step in range(200)]),
    "some equal groups": (Signal.EQUAL_REWARDS, ramp(0.2, 0.55, 200)),
    "format gets better": (Signal.FORMAT_ERRORS, ramp(0.9, 0.05, 100) + [0.05] * 100),
    "format never good": (Signal.FORMAT_ERRORS, [0.5] * 200),
    "a loop now and then": (Signal.DEGENERATE_TEXT, [0.01] * 200),
    "cut now and then": (Signal.TRUNCATION, [0.05] * 200),
    "a lost reply now and then": (Signal.JUDGE_FALLBACKS, [0.003] * 200),
    "a retry now and then": (Signal.JUDGE_FAILURES, [0.02] * 200),
}


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(("signal", "curve"), HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_noisy_run_is_left_alone(batch: int, signal: Signal, curve: list[float]) -> None:
    noisy = [seed for seed in range(RUNS) if Run(signal, batch, seed, noise=0.1).go(curve)]
    # 16 trajectories a step are thin: one false alarm in twenty runs of 200 steps is the limit.
    assert len(noisy) <= (1 if batch == 16 else 0), f"seeds {noisy}"


TROUBLE = {
    Signal.EQUAL_REWARDS: ([0.4] * 20, [1.0] * 10),
    Signal.FORMAT_ERRORS: ([0.1] * 20, [0.6] * 10),
    Signal.DEGENERATE_TEXT: ([0.0] * 20, [0.5] * 10),
    Signal.TRUNCATION: ([0.02] * 20, [0.7] * 10),
    Signal.JUDGE_FALLBACKS: ([0.0] * 20, [0.9] * 2),
    Signal.JUDGE_FAILURES: ([0.0] * 20, [0.9] * 2),
    Signal.TOOL_USE: ([0.7] * 20, [0.0] * 10),
}


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("signal", TRIGGERS)
def test_each_trouble_has_one_alarm_until_it_has_passed(signal: Signal, batch: int) -> None:
    well, ill = TROUBLE[signal]
    for seed in range(RUNS):
        run = Run(signal, batch, seed)
        assert run.go(well) == []
        (alarm,) = run.go(ill)
        assert run.go(ill[-1:] * 50) == [], "said twice"
        assert run.watch.active == {signal}
        assert run.go(well) == [] and run.watch.active == set()
        assert len(run.go(ill)) == 1, "not armed again"
        assert "\n" not in str(alarm) and "Try: " in str(alarm)


def test_a_judge_that_is_down_from_the_start_is_told_at_once() -> None:
    (alarm,) = Watch().observe(1, {Signal.JUDGE_FALLBACKS: Share(16, 16)})
    assert str(alarm).startswith("DeepEyes alarm at step 1: the judge gave no verdict on 100% of")


def test_a_collapse_names_both_levels() -> None:
    (alarm,) = Run(Signal.TOOL_USE, 4096, 0).go([0.6] * 30 + [0.01] * 8)
    assert "13% of the trajectories that have a tool got a crop, 61% did earlier" in str(alarm)
    for remedy in ("judge", "bonus", "batch", "learning rate"):
        assert remedy in str(alarm)


def test_steps_without_an_observation_do_not_count() -> None:
    run = Run(Signal.TOOL_USE, 128, 0)
    run.go([0.6] * 20)
    for step in range(21, 60):
        assert run.watch.observe(step, {Signal.TOOL_USE: Share(0, 0)}) == []


def test_shares_add_up_and_know_their_doubt() -> None:
    together = pooled([Share(1, 2), Share(0, 98)])
    assert together == Share(1, 100) and together.value == 0.01
    assert Share().value == 0.0 and (Share().low(2), Share().high(2)) == (0.0, 1.0)
    few, many = Share(5, 10), Share(500, 1000)
    assert few.low(2) < many.low(2) < 0.5 < many.high(2) < few.high(2)
    # Wilson's interval for 5 of 10 at 1.96: 0.2366 to 0.7634.
    assert few.low(1.96) == pytest.approx(0.2366, abs=1e-4)


SIZES = ((4, 8), (8, 8), (16, 8), (32, 8), (64, 16), (256, 16))


def tally_of_step(
    random: np.random.Generator, size: tuple[int, int], level: float, correlation: float
) -> MetricSums:
    """A step on two ranks: each prompt has a rate of its own, and its rollouts are alike."""
    prompts, rollouts = size
    spread = 1 / correlation - 1
    rates = random.beta(level * spread, (1 - level) * spread, prompts)
    hits = random.binomial(rollouts, rates)
    ranks = MetricSums(), MetricSums()
    for name in (CROP_SHARE, FORMAT_ERROR_SHARE, TRUNCATED_SHARE, FALLBACK_SHARE):
        for number, of_group in enumerate(hits):
            # The first rollouts are on one rank, the others on another.
            here = min(of_group, rollouts // 2)
            ranks[0].group(name, str(number), here, rollouts // 2)
            ranks[1].group(name, str(number), of_group - here, rollouts - rollouts // 2)
    return merged(ranks)


def told_signals(steps: Iterable[MetricSums]) -> dict[str, int]:
    """Each signal that a run is alarmed of, with its step."""
    watch = Watch()
    found = (watch.observe(n, watched(tally, Share())) for n, tally in enumerate(steps, start=1))
    return {alarm.signal: alarm.step for alarms in found for alarm in alarms}


@pytest.mark.parametrize("correlation", [0.1, 0.8])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_stationary_runs_of_alike_rollouts_are_silent(
    size: tuple[int, int], correlation: float
) -> None:
    """50 of 60 such runs were false alarms at 4 prompts, when each rollout counted by itself."""
    for level in (0.1, 0.2):
        for seed in range(max(1, 32 // size[0])):  # more in scripts/simulate_alarms.py
            random = np.random.default_rng([seed, *size])
            steps = (
                tally_of_step(random, size, level, correlation)
                for _ in range(80 if size[0] < 64 else 40)
            )
            told = told_signals(steps)
            # 10 and 20 % of verdicts by rules are an alarm, and rightly.
            assert set(told) <= {Signal.JUDGE_FALLBACKS}, (seed, level, told)


@pytest.mark.parametrize("correlation", [0.1, 0.8])
@pytest.mark.parametrize(("before", "after"), [(0.8, 0.05), (0.4, 0.03), (0.2, 0.02)], ids=str)
def test_a_fall_is_told_within_ten_steps_at_sixteen_prompts(
    before: float, after: float, correlation: float
) -> None:
    for seed in range(RUNS):
        random = np.random.default_rng(seed)
        levels = [before] * 40 + [after] * 10
        steps = (tally_of_step(random, (16, 8), level, correlation) for level in levels)
        assert 40 < told_signals(steps)[Signal.TOOL_USE] <= 50, f"seed {seed}"


def test_calls_to_the_judge_that_fail_together_are_not_many_observations() -> None:
    tally = MetricSums()
    tally.mean(FAILED_CALL_SHARE, 300, 400)
    assert watched(tally, Share())[Signal.JUDGE_FAILURES] == Share(), "of no prompt"
    for number in range(4):
        tally.group(FALLBACK_SHARE, str(number), 0, 8)
    assert watched(tally, Share())[Signal.JUDGE_FAILURES] == Share(3, 4)


@pytest.mark.parametrize("correlation", [0.05, 0.9])
def test_the_chances_are_upper_bounds(correlation: float) -> None:
    """Of all runs without a change, no more than that share looks so much like one."""
    random = np.random.default_rng(0)
    spread = 1 / correlation - 1
    level, runs, prompts = 0.3, 20_000, 12
    rates = random.beta(level * spread, (1 - level) * spread, (runs, 2, prompts))
    means = random.binomial(8, rates).mean(axis=2) / 8
    for limit in (0.2, 0.05, 0.01):
        pairs = [(Share(a * prompts, prompts), Share(b * prompts, prompts)) for a, b in means]
        above = sum(chance_above(one, level) < limit for one, _ in pairs)
        apart = sum(chance_alike(one, other) < limit for one, other in pairs) / 2  # one way
        assert above <= limit * runs and apart <= limit * runs
    assert chance_above(Share(3, 4), 0.75) == 1.0 == chance_alike(Share(1, 2), Share(2, 4))
    assert chance_above(Share(4, 4), 0.5) == pytest.approx(0.5**4)


def test_what_happens_in_one_step_and_then_ceases_is_no_alarm() -> None:
    for signal in (Signal.TOOL_USE, Signal.FORMAT_ERRORS, Signal.TRUNCATION):
        run = Run(signal, 16, 0)
        usual, odd = (0.6, 0.0) if signal is Signal.TOOL_USE else (0.05, 0.6)
        assert run.go(([usual] * 20 + [odd]) * 5) == [], signal

"""How often the alarms are false, and how soon they are told: simulated runs, as tables.

    python scripts/simulate_alarms.py --runs 60

Rollouts of one prompt are alike, so each prompt has a rate of its own (a beta distribution about
the run's level, `correlation` within the group) and its rollouts are drawn with it. Stationary runs
must be silent; a change is told late or never where there are few prompts, and the table says how
late.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from swift_deepeyes.metrics.alarm_texts import Signal
from swift_deepeyes.metrics.alarms import Watch
from swift_deepeyes.metrics.share import Share

SIZES = ((4, 8), (8, 8), (16, 8), (32, 8), (64, 16), (256, 16))
"""Prompts of a step, rollouts of a prompt."""

CORRELATIONS = (0.1, 0.4, 0.8)
SHORT, LONG = 80, 400
WELL_STEPS = 40  # before a change

STATIONARY: dict[Signal, tuple[float, ...]] = {
    Signal.TOOL_USE: (0.1, 0.2),
    Signal.FORMAT_ERRORS: (0.1, 0.5),
    Signal.DEGENERATE_TEXT: (0.05,),
    Signal.TRUNCATION: (0.1,),
    Signal.JUDGE_FALLBACKS: (0.03,),
    Signal.JUDGE_FAILURES: (0.1,),
    Signal.EQUAL_REWARDS: (0.7,),
}

CHANGES: tuple[tuple[Signal, float, float], ...] = (
    (Signal.TOOL_USE, 0.8, 0.05),
    (Signal.TOOL_USE, 0.4, 0.03),
    (Signal.TOOL_USE, 0.2, 0.02),
    (Signal.TOOL_USE, 0.2, 0.0),
    (Signal.FORMAT_ERRORS, 0.1, 0.6),
    (Signal.DEGENERATE_TEXT, 0.0, 0.5),
    (Signal.TRUNCATION, 0.02, 0.7),
    (Signal.JUDGE_FALLBACKS, 0.0, 0.9),
    (Signal.JUDGE_FAILURES, 0.0, 0.9),
    (Signal.EQUAL_REWARDS, 0.4, 1.0),
)


@dataclass(frozen=True)
class Batch:
    """What is rolled out in a step."""

    prompts: int
    rollouts: int
    correlation: float

    def draw(self, levels: Sequence[float], random: np.random.Generator) -> list[Share]:
        """One share a step, each prompt counted once."""
        return [self._step(level, random) for level in levels]

    def _step(self, level: float, random: np.random.Generator) -> Share:
        rates = np.full(self.prompts, level)
        if 0 < level < 1:
            spread = 1 / self.correlation - 1
            rates = random.beta(level * spread, (1 - level) * spread, self.prompts)
        means = random.binomial(self.rollouts, rates) / self.rollouts
        return Share(float(means.sum()), self.prompts)


def drawn(signal: Signal, size: tuple[int, int], correlation: float) -> Batch:
    """A step's batch; whether all rewards are equal is one observation of a whole group."""
    prompts, rollouts = size
    return Batch(prompts, 1 if signal is Signal.EQUAL_REWARDS else rollouts, correlation)


def alarms(signal: Signal, shares: Sequence[Share]) -> Iterator[int]:
    """The steps at which a run that shows these shares is alarmed, from 1."""
    watch = Watch()
    for step, share in enumerate(shares, start=1):
        if watch.observe(step, {signal: share}):
            yield step


def false_alarms(
    signal: Signal, batch: Batch, level: float, runs: int, seed: int
) -> tuple[int, int]:
    """How many of the runs have an alarm in their first 80 and 400 steps."""
    firsts = [
        next(alarms(signal, batch.draw([level] * LONG, np.random.default_rng([seed, run]))), None)
        for run in range(runs)
    ]
    told = [first for first in firsts if first is not None]
    return sum(first <= SHORT for first in told), len(told)


def delays(
    signal: Signal, batch: Batch, levels: tuple[float, float], runs: int, seed: int
) -> list[float]:
    """After how many steps of the change each run tells it, sorted; inf: not within 80."""
    curve = [levels[0]] * WELL_STEPS + [levels[1]] * SHORT
    result = []
    for run in range(runs):
        shares = batch.draw(curve, np.random.default_rng([seed, run]))
        steps = [step - WELL_STEPS for step in alarms(signal, shares)]
        result.append(next((float(step) for step in steps if step > 0), np.inf))
    return sorted(result)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60, help="of each line of a table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signals", nargs="*", type=Signal, default=list(Signal))
    options = parser.parse_args()
    names = [f"{prompts}x{rollouts}" for prompts, rollouts in SIZES]
    print(f"False alarms in {options.runs} stationary runs: in {SHORT} steps / in {LONG} steps")
    print("| signal | level | correlation |", *(f"{name} |" for name in names))
    for signal in options.signals:
        for level in STATIONARY[signal]:
            for correlation in CORRELATIONS:
                found = [
                    false_alarms(
                        signal, drawn(signal, s, correlation), level, options.runs, options.seed
                    )
                    for s in SIZES
                ]
                cells = [f"{short}/{long} |" for short, long in found]
                print(f"| {signal} | {level:g} | {correlation:g} |", *cells, flush=True)
    print(f"\nSteps from a change after {WELL_STEPS} steps to its alarm: median, 90 %, slowest")
    print("| signal | change | correlation |", *(f"{name} |" for name in names))
    for signal, before, after in CHANGES:
        if signal not in options.signals:
            continue
        for correlation in CORRELATIONS:
            cells = []
            for size in SIZES:
                batch = drawn(signal, size, correlation)
                told = delays(signal, batch, (before, after), options.runs, options.seed)
                tail = told[min(len(told) - 1, round(0.9 * len(told)))]
                cells.append(f"{told[len(told) // 2]:g}, {tail:g}, {told[-1]:g} |")
            print(f"| {signal} | {before:g}→{after:g} | {correlation:g} |", *cells, flush=True)


if __name__ == "__main__":
    main()

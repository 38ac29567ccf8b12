"""Alarms: what goes wrong in training and is usually seen too late, reported within a few steps.

Boundary: shares per step in, alarms out; nothing is logged here. Each alarm comes once, and is
armed again when its signal has recovered. What triggers one is in `alarm_triggers`, what it says
in `alarm_texts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.metrics.alarm_texts import Signal, describe
from swift_deepeyes.metrics.alarm_triggers import SPANS, Fall, History, Level, Rise, Trigger
from swift_deepeyes.metrics.counts import (
    CROP_SHARE,
    DEGENERATE_SHARE,
    FAILED_CALL_SHARE,
    FALLBACK_SHARE,
    FORMAT_ERROR_SHARE,
    TRUNCATED_SHARE,
)
from swift_deepeyes.metrics.share import Share
from swift_deepeyes.metrics.sums import MetricSums

# Wrong rewards from the first step on: one bad step is enough.
_AT_ONCE = (1, *SPANS)

TRIGGERS: Mapping[Signal, Trigger] = {
    Signal.TOOL_USE: Fall(from_at_least=0.04),
    Signal.EQUAL_REWARDS: Level(limit=0.8),
    Signal.FORMAT_ERRORS: Rise(by=0.25),
    Signal.DEGENERATE_TEXT: Level(limit=0.1),
    Signal.TRUNCATION: Level(limit=0.2),
    Signal.JUDGE_FALLBACKS: Level(limit=0.05, spans=_AT_ONCE),
    Signal.JUDGE_FAILURES: Level(limit=0.2, spans=_AT_ONCE),
}


def watched(sums: MetricSums, equal_groups: Share) -> dict[Signal, Share]:
    """What to watch in a step. Only the trainer knows in which groups its rewards are equal."""
    fallbacks, calls = sums.grouped(FALLBACK_SHARE), sums.share(FAILED_CALL_SHARE)
    # Calls fail together. They are no more observations than there are prompts they were for.
    failures = Share(calls.value * fallbacks.total, fallbacks.total) if calls.total else Share()
    return {
        Signal.TOOL_USE: sums.grouped(CROP_SHARE),
        Signal.EQUAL_REWARDS: equal_groups,
        Signal.FORMAT_ERRORS: sums.grouped(FORMAT_ERROR_SHARE),
        Signal.DEGENERATE_TEXT: sums.grouped(DEGENERATE_SHARE),
        Signal.TRUNCATION: sums.grouped(TRUNCATED_SHARE),
        Signal.JUDGE_FALLBACKS: fallbacks,
        Signal.JUDGE_FAILURES: failures,
    }


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm; `earlier` is None where only the present counts."""

    signal: Signal
    step: int
    now: float
    earlier: float | None = None

    @property
    def what(self) -> str:
        """What was seen, and what to try."""
        return describe(self.signal, self.now, self.earlier)

    def __str__(self) -> str:
        return f"DeepEyes alarm at step {self.step}: {self.what}"


class Observation(FrozenModel):
    """What was watched in a step: of each signal `hits` and `total` of its share."""

    step: int
    shares: Mapping[Signal, tuple[float, float]]


class Watch:
    """Sees every step of a run and says what is wrong, each thing once."""

    def __init__(self, triggers: Mapping[Signal, Trigger] = TRIGGERS) -> None:
        self._triggers = triggers
        self._histories = {signal: History(trigger) for signal, trigger in triggers.items()}
        self.active: set[Signal] = set()
        self.observed: list[Observation] = []
        """Everything that was seen: what `recall` of a resumed run is given."""

    def recall(self, observed: Iterable[Observation]) -> None:
        """Be as after these steps: with what was usual then, and what was told then."""
        for one in observed:
            self.observe(one.step, {name: Share(*parts) for name, parts in one.shares.items()})

    def observe(self, step: int, shares: Mapping[Signal, Share]) -> list[Alarm]:
        """Take one step in and return the new alarms. A share of nothing is no observation.

        What a share's total counts must be independent: groups, not the rollouts in them.
        """
        parts = {signal: (share.hits, share.total) for signal, share in shares.items()}
        self.observed.append(Observation(step=step, shares=parts))
        seen = [signal for signal, share in shares.items() if share.total > 0]
        for signal in seen:
            self._histories[signal].add(shares[signal])
        found = ((signal, self._find(signal)) for signal in seen)
        return [Alarm(signal, step, *levels) for signal, levels in found if levels is not None]

    def _find(self, signal: Signal) -> tuple[float, float | None] | None:
        """What a new alarm is about: the level now, and the one before."""
        trigger, history = self._triggers[signal], self._histories[signal]
        if signal in self.active:
            recovery = list(history.recovery())
            if recovery and all(trigger.is_well(now, earlier) for now, earlier in recovery):
                self.active.discard(signal)
                history.begin()
            return None
        for now, earlier in history.looks():
            if trigger.is_alarming(now, earlier):
                self.active.add(signal)
                history.begin()
                return now.value, trigger.level(earlier)
        return None

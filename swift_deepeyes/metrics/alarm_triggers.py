"""When a signal is alarming: it fell, it rose, or it is higher than is ever good.

A trigger looks at the last few steps together and demands two things: that what it sees is bad, and
that it cannot be noise. The second is one test for all triggers: the chance of so much, were
nothing wrong, is bounded for independent prompts whatever their rollouts have in common (`share`),
and must be below `CHANCE`. So the same triggers watch 4 prompts a step and 256; with fewer they
need more steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Protocol

from swift_deepeyes.metrics.share import Share, chance_above, chance_alike

CHANCE = 1e-5
"""Of one look. The looks of a run overlap, and the bound is wide: `scripts/simulate_alarms.py`."""

SPANS = (5, 7, 10, 14, 20, 36)
"""How many of the last steps to look at together: with many prompts a few are enough."""

RECOVERY_STEPS = 9
"""An alarm is over when this many steps together are well."""

BLOCKS = (5, 20, 80)
"""What a signal was like earlier is taken from this many steps together."""

_SURE, _LIKELY = 2.0, 1.0  # standard deviations


class Trigger(Protocol):
    """One way of being alarming."""

    @property
    def spans(self) -> tuple[int, ...]:
        """How many of the last steps to look at together: several tries, shortest first."""
        ...

    def rank(self, block: Share) -> float:
        """Of all earlier steps, those of the highest rank are what the present is compared with."""
        ...

    def is_alarming(self, now: Share, earlier: Share) -> bool:
        """Whether the last steps, taken together, are bad beyond doubt."""
        ...

    def is_well(self, now: Share, earlier: Share) -> bool:
        """Whether an alarm is over."""
        ...

    def level(self, earlier: Share) -> float | None:
        """What an alarm says of the earlier steps; None where only the present counts."""
        ...


class History:
    """One signal over the steps of a run."""

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger
        self._sums = [Share()]  # of the first 0, 1, 2, … steps
        self._best: dict[int, list[tuple[float, Share]]] = defaultdict(list)
        self._begin = 0

    def __len__(self) -> int:
        return len(self._sums) - 1

    def add(self, share: Share) -> None:
        """One more step."""
        self._sums.append(self._sums[-1] + share)
        for steps in BLOCKS:
            if len(self) >= steps:
                block, best = self._last(steps), self._best[steps]
                ranked = self._trigger.rank(block), block
                best.append(max(ranked, best[-1], key=itemgetter(0)) if best else ranked)

    def looks(self) -> Iterator[tuple[Share, Share]]:
        """The last steps, and what to compare them with: steps that were over before they began."""
        for span in self._trigger.spans:
            if span > len(self) - self._begin:
                return
            yield from ((self._last(span), earlier) for earlier in self._earlier(span))

    def recovery(self) -> Iterator[tuple[Share, Share]]:
        """The steps that show whether an alarm is over, and what to compare them with."""
        if len(self) - self._begin >= RECOVERY_STEPS:
            now = self._last(RECOVERY_STEPS)
            yield from ((now, earlier) for earlier in self._earlier(RECOVERY_STEPS))

    def begin(self) -> None:
        """Look at nothing before this from now on, but for comparison."""
        self._begin = len(self)

    def _last(self, steps: int) -> Share:
        until, before = self._sums[-1], self._sums[-1 - steps]
        # A difference of sums may be a rounding error below nothing.
        return Share(max(until.hits - before.hits, 0.0), until.total - before.total)

    def _earlier(self, span: int) -> list[Share]:
        ends = {steps: len(self) - span - steps for steps in BLOCKS}
        return [self._best[steps][end][1] for steps, end in ends.items() if end >= 0] or [Share()]


@dataclass(frozen=True, slots=True)
class Fall:
    """Less than a third of what it was, where it was at least `from_at_least`."""

    from_at_least: float
    spans: tuple[int, ...] = SPANS

    def rank(self, block: Share) -> float:
        """The highest, but the highest of many noisy values is too high: lower bounds compete."""
        return block.low(_SURE)

    def level(self, earlier: Share) -> float:
        """As it surely was."""
        return earlier.low(_SURE)

    def is_alarming(self, now: Share, earlier: Share) -> bool:
        """Below a third, beyond doubt lower, and surely below the half."""
        if now.value >= earlier.value / 3:  # most steps: nothing more to compute
            return False
        before = self.level(earlier)
        return (
            before >= self.from_at_least
            and now.value < before / 3
            and now.high(_SURE) < before / 2
            and chance_alike(now, earlier) < CHANCE
        )

    def is_well(self, now: Share, earlier: Share) -> bool:
        """Over the half, and likely over the third."""
        before = self.level(earlier)
        return now.value > before / 2 and now.low(_LIKELY) > before / 3


@dataclass(frozen=True, slots=True)
class Rise:
    """`by` more than it was at its lowest."""

    by: float
    spans: tuple[int, ...] = SPANS

    def rank(self, block: Share) -> float:
        """The lowest, by the upper bound."""
        return -block.high(_SURE)

    def level(self, earlier: Share) -> float:
        """As it surely was."""
        return earlier.high(_SURE)

    def is_alarming(self, now: Share, earlier: Share) -> bool:
        """Higher by that much, and beyond doubt higher."""
        before = self.level(earlier)
        return now.value > before + self.by and chance_alike(now, earlier) < CHANCE

    def is_well(self, now: Share, earlier: Share) -> bool:
        """Below the half of the rise, and likely below all of it."""
        before = self.level(earlier)
        return now.value < before + self.by / 2 and now.high(_LIKELY) < before + self.by


@dataclass(frozen=True, slots=True)
class Level:
    """Over `limit` beyond doubt, whatever it was before."""

    limit: float
    spans: tuple[int, ...] = SPANS

    def rank(self, block: Share) -> float:
        """Nothing is compared."""
        return 0.0

    def level(self, earlier: Share) -> None:
        """Only the present counts."""
        return None

    def is_alarming(self, now: Share, earlier: Share) -> bool:
        """Beyond doubt over the limit."""
        return chance_above(now, self.limit) < CHANCE

    def is_well(self, now: Share, earlier: Share) -> bool:
        """Likely below it."""
        return now.high(_LIKELY) < self.limit

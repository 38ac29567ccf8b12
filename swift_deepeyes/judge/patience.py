"""How long a batch waits for one reply before it asks again beside it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from swift_deepeyes.judge.stats import percentile

SHORTEST_SECONDS = 0.5  # below that, what is slow is this machine
MEDIANS, P95S = 5.0, 3.0  # a reply is overdue when it takes that many times the usual
REPLIES_NEEDED = 3  # to know what is usual
LEAST_HEDGES, HEDGE_SHARE = 4, 0.1  # of the replies that the batch has got so far


class Patience:
    """Knows the usual latency, and how many calls may still be made beside hung ones.

    A server that is slow as a whole must not get twice the load, so the calls are few; each that
    brings the first reply proves that the other one hung, and is given back.
    """

    def __init__(self, ours: Sequence[float], earlier: Sequence[float]) -> None:
        self._ours, self._earlier = ours, earlier
        self._lost = 0  # calls that were made beside others, but for those that won

    def seconds(self) -> float | None:
        """How long a reply may take; None while nothing is known about it."""
        usual = self._ours if len(self._ours) >= REPLIES_NEEDED else self._earlier
        if len(usual) < REPLIES_NEEDED:
            return None
        return max(SHORTEST_SECONDS, MEDIANS * median(usual), P95S * percentile(usual, 95))

    def take_hedge(self) -> bool:
        """Whether one more call may be made beside a hung one; if so, it is counted."""
        if self._lost >= max(LEAST_HEDGES, HEDGE_SHARE * len(self._ours)):
            return False
        self._lost += 1
        return True

    def give_back(self) -> None:
        """The call beside was the one that brought the reply."""
        self._lost -= 1

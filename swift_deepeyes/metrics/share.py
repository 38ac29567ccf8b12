"""How many of how many: a share that knows how well it is known.

Two of four trajectories and two thousand of four thousand are the same share; only the second says
much. Shares of several ranks or steps add up exactly, which means of means do not.

What `total` counts must be independent of each other, or the share claims to know more than it
does: rollouts of one prompt are alike, so statistics count prompts (`by_group`), each with its own
share between 0 and 1. All bounds here hold for such values too, whatever their distribution: none
varies more about its mean than one that is 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `total`."""

    hits: float = 0.0
    total: float = 0.0

    def __add__(self, other: Share) -> Share:
        return Share(self.hits + other.hits, self.total + other.total)

    @property
    def value(self) -> float:
        """The share, 0 of nothing is 0."""
        return self.hits / self.total if self.total else 0.0

    def low(self, deviations: float) -> float:
        """The lower end of Wilson's interval, `deviations` standard deviations wide."""
        return self._bound(-deviations)

    def high(self, deviations: float) -> float:
        """The upper end of the same interval."""
        return self._bound(deviations)

    def _bound(self, z: float) -> float:
        if not self.total:
            return 0.0 if z < 0 else 1.0
        n, p = self.total, self.value
        middle = p + z * z / (2 * n)
        reach = z * math.sqrt(max(p * (1 - p), 0.0) / n + z * z / (4 * n * n))
        return min(max((middle + reach) / (1 + z * z / n), 0.0), 1.0)


def pooled(shares: Iterable[Share]) -> Share:
    """All of them as one."""
    return sum(shares, Share())


def by_group(shares: Iterable[Share]) -> Share:
    """The mean of the groups' shares, each group counting as one observation."""
    values = [share.value for share in shares if share.total]
    return Share(math.fsum(values), len(values))


def chance_above(share: Share, level: float) -> float:
    """How likely at most a share as high as this one is where the true one is `level` or less.

    Chernoff's bound, which holds for independent values between 0 and 1 of any distribution.
    """
    if share.value <= level:
        return 1.0
    return math.exp(-share.total * _divergence(share.value, level))


def chance_alike(one: Share, other: Share) -> float:
    """How likely at most two shares as far apart as these are where the true one is the same.

    The generalised likelihood ratio. Chernoff bounds each of its two terms by an exponential
    variable, and their sum by one of Gamma(2).
    """
    common = (one + other).value
    evidence = sum(s.total * _divergence(s.value, common) for s in (one, other))
    return (1 + evidence) * math.exp(-evidence)


def _divergence(share: float, level: float) -> float:
    """Kullback and Leibler's, of a coin with `share` from one with `level`, in nats."""
    terms = ((share, level), (1 - share, 1 - level))
    if any(p > 0 >= q for p, q in terms):
        return math.inf
    return max(0.0, math.fsum(p * math.log(p / q) for p, q in terms if p > 0))

"""Numbers that add up over samples, ranks and steps, and become metrics only at the end.

A mean of the ranks' means would be wrong wherever ranks hold different numbers of samples, or where
a data source occurs on one rank only. So sums and counts travel, and are divided once. A group may
lie on two ranks, so what is counted by group travels by group.

What is no number (NaN, infinity: a log may hold anything) is not counted at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from swift_deepeyes.metrics.share import Share, by_group


@dataclass
class MetricSums:
    """What was counted so far, by metric name."""

    means: dict[str, Share] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)
    highs: dict[str, float] = field(default_factory=dict)
    lows: dict[str, float] = field(default_factory=dict)
    groups: dict[str, dict[str, Share]] = field(default_factory=dict)
    parts: dict[str, dict[str, float]] = field(default_factory=dict)
    unanimous: dict[tuple[str, str], dict[str, Share]] = field(default_factory=dict)

    def mean(self, name: str, amount: float, count: float = 1.0) -> None:
        """Add to a mean, a share or a rate: `amount` over `count`, both summed first."""
        if math.isfinite(amount):
            self.means[name] = self.means.get(name, Share()) + Share(amount, count)

    def part(self, name: str, amount: float, of: str) -> None:
        """Add to a share of what the mean `of` counts: kinds that nobody can list in advance."""
        if math.isfinite(amount):
            parts = self.parts.setdefault(of, {})
            parts[name] = parts.get(name, 0.0) + amount

    def group(self, name: str, group: str, amount: float, count: float = 1.0) -> None:
        """Add to the share of one group; no metric, but what alarms look at (`grouped`)."""
        if math.isfinite(amount):
            of_name = self.groups.setdefault(name, {})
            of_name[group] = of_name.get(group, Share()) + Share(amount, count)

    def member(self, names: tuple[str, str], group: str, amount: float) -> None:
        """Add a member, 1 or 0, to a group.

        `names`: of the share of groups all of whose members are 1, and of those with none.
        """
        if math.isfinite(amount):
            of_names = self.unanimous.setdefault(names, {})
            of_names[group] = of_names.get(group, Share()) + Share(amount, 1)

    def total(self, name: str, amount: float) -> None:
        """Add to a sum."""
        if math.isfinite(amount):
            self.totals[name] = self.totals.get(name, 0.0) + amount

    def high(self, name: str, value: float) -> None:
        """Keep the largest."""
        if math.isfinite(value):
            self.highs[name] = max(value, self.highs.get(name, value))

    def low(self, name: str, value: float) -> None:
        """Keep the smallest."""
        if math.isfinite(value):
            self.lows[name] = min(value, self.lows.get(name, value))

    def add(self, other: MetricSums) -> None:
        """Take all of another one in."""
        for name, share in other.means.items():
            self.mean(name, share.hits, share.total)
        for name, value in other.totals.items():
            self.total(name, value)
        for name, value in other.highs.items():
            self.high(name, value)
        for name, value in other.lows.items():
            self.low(name, value)
        for name, groups in other.groups.items():
            for group, share in groups.items():
                self.group(name, group, share.hits, share.total)
        for of, parts in other.parts.items():
            for name, amount in parts.items():
                self.part(name, amount, of)
        for names, groups in other.unanimous.items():
            mine = self.unanimous.setdefault(names, {})
            for group, share in groups.items():
                mine[group] = mine.get(group, Share()) + share

    def settled(self) -> MetricSums:
        """The same where every group is complete: only shares of groups are left of them."""
        result = merged([replace(self, groups={}, unanimous={})])
        for (all_name, none_name), groups in self.unanimous.items():
            for share in groups.values():
                result.mean(all_name, share.hits >= share.total)
                result.mean(none_name, share.hits <= 0)
        return result

    def grouped(self, name: str) -> Share:
        """The mean of the groups' shares, as many observations as there are groups."""
        return by_group(self.groups.get(name, {}).values())

    def share(self, name: str) -> Share:
        """What a mean is made of; empty where nothing was counted."""
        return self.means.get(name, Share())

    def values(self) -> dict[str, float]:
        """The metrics. A mean of nothing does not exist: it is left out, not 0."""
        of_groups = self.settled().means
        means = {name: share.value for name, share in of_groups.items() if share.total}
        parts = {
            name: Share(amount, self.share(of).total).value
            for of, amounts in self.parts.items()
            for name, amount in amounts.items()
            if self.share(of).total
        }
        return dict(sorted({**means, **parts, **self.totals, **self.highs, **self.lows}.items()))


def merged(parts: Iterable[MetricSums]) -> MetricSums:
    """All of them as one."""
    result = MetricSums()
    for part in parts:
        result.add(part)
    return result

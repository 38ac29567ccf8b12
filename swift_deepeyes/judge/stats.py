"""What a judge did, in numbers: one frozen record per batch, and the sum over all batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from pydantic import Field

from swift_deepeyes.frozen import FrozenModel

LATENCIES_KEPT = 20_000
"""Calls whose latency the totals remember: enough for a p95, small enough for any run."""


class JudgeStats(FrozenModel):
    """The figures of one batch, or of all batches together. Latencies are seconds per call."""

    questions: int = 0  # put to the judge by its caller
    asked: int = 0  # different questions that went to a server
    shared: int = 0  # answered by an identical question of the same batch
    cached: int = 0  # answered by an earlier batch
    by_rule: int = 0  # settled by rules, no server needed
    fallback: int = 0  # questions decided by rules because the server gave no verdict
    unreadable: int = 0  # replies that held no verdict, answers that the rule judge cannot read
    cut: int = 0  # of these: replies that were cut off, by their length or a filter
    hedged: int = 0  # calls made beside one that hung, to take the first reply
    failed: int = 0  # calls that ended without a reply
    retries: int = 0  # calls repeated after a failure or an unreadable reply
    away_seconds: float = 0.0  # waited for a judge that was away
    latency_median: float = 0.0
    latency_p95: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    failures: Mapping[str, int] = Field(default_factory=dict)  # `failed`, by kind

    def as_metrics(self) -> dict[str, float]:
        """Flat numbers for a training log, one per figure."""
        return {name: float(value) for name, value in self.model_dump(exclude={"failures"}).items()}


@dataclass
class JudgeCounts:
    """The figures while they are being counted."""

    questions: int = 0
    asked: int = 0
    shared: int = 0
    cached: int = 0
    by_rule: int = 0
    fallback: int = 0
    unreadable: int = 0
    cut: int = 0
    hedged: int = 0
    retries: int = 0
    away_seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    def add(self, other: JudgeCounts) -> None:
        """Take other counts into these."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(mine, Counter):
                mine.update(value)
            elif isinstance(mine, list):
                mine.extend(value)
                del mine[:-LATENCIES_KEPT]
            else:
                setattr(self, name, mine + value)

    def freeze(self) -> JudgeStats:
        """The record of what was counted so far."""
        counts = {
            name: value for name, value in vars(self).items() if isinstance(value, int | float)
        }
        return JudgeStats(
            **counts,
            failed=self.failures.total(),
            latency_median=median(self.latencies) if self.latencies else 0.0,
            latency_p95=percentile(self.latencies, 95),
            failures=dict(self.failures),
        )


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile; 0 for no values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # ceiling division
    return ordered[max(rank, 1) - 1]

"""How hard a judge is asked, and for how long: settings and pace in one frozen value."""

from __future__ import annotations

import random
from dataclasses import dataclass

from swift_deepeyes.settings import Settings


@dataclass(frozen=True)
class JudgeLimits:
    """Everything is in seconds but `concurrency` (calls in flight) and `retries` (per call)."""

    concurrency: int
    timeout: float
    retries: int
    wait: float
    first_backoff: float = 0.5
    longest_backoff: float = 8.0
    probe_interval: float = 2.0
    log_interval: float = 30.0

    @classmethod
    def of(cls, settings: Settings) -> JudgeLimits:
        """The limits that the settings name."""
        return cls(
            concurrency=settings.judge_concurrency,
            timeout=settings.judge_timeout,
            retries=settings.judge_retries,
            wait=settings.judge_wait,
        )

    def backoff(self, failures: int) -> float:
        """How long to wait after the n-th failure of a question: doubling, with jitter.

        The jitter keeps the calls of a batch, and the ranks of a run, from returning as one.
        """
        longest = min(self.first_backoff * 2.0 ** min(failures - 1, 16), self.longest_backoff)
        return random.uniform(0.5, 1.0) * longest

    def probe_pause(self) -> float:
        """How long to wait between two looks at a judge that is away."""
        return random.uniform(0.5, 1.0) * self.probe_interval

"""The runs of a page: one log, or several that are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from swift_deepeyes.record.reader import LogDirectory, LogError, read_log
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.viewer.sample import sample_groups

MAX_RUNS = 6
"""More curves in one chart cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Run:
    """A log, the name that tells it from the others of the page, and what the page shows of it."""

    number: int
    name: str
    log: LogDirectory
    items: list[LoggedTrajectory]


def read_runs(paths: Sequence[Path], max_trajectories: int) -> tuple[Run, ...]:
    """Read the log directories; they share the trajectories that a page may show.

    Raises `LogError` where one holds no log, and where there are too many.
    """
    if len(paths) > MAX_RUNS:
        raise LogError(f"{len(paths)} runs: at most {MAX_RUNS} can be compared on one page.")
    logs = [read_log(path) for path in paths]
    share = max(1, max_trajectories // len(logs))
    return tuple(
        Run(number, name, log, sample_groups(log.trajectories, share))
        for number, (name, log) in enumerate(zip(_names(logs), logs, strict=True))
    )


def _names(logs: Sequence[LogDirectory]) -> list[str]:
    """A name for each log: the run's own, or as much of its path as tells it from the others."""
    names = [log.path.resolve().name if log.run is None else log.run.name for log in logs]
    if len(set(names)) == len(names):
        return names
    parts = [log.path.resolve().parts for log in logs]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(of_path[-length:]) for of_path in parts]
        if len(set(names)) == len(names):
            return names
    counts: Counter[str] = Counter()  # the same directory twice
    for number, name in enumerate(names):
        counts[name] += 1
        names[number] = name if counts[name] == 1 else f"{name} ({counts[name]})"
    return names

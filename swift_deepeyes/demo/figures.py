"""What the demo reports: the figures of every step, and the summary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from swift_deepeyes.record.reader import read_metrics
from swift_deepeyes.record.record import LoggedTrajectory, MetricsLine

WINDOW = 10
"""The summary compares the mean of this many first steps with that of as many last ones."""


@dataclass(frozen=True)
class StepFigures:
    """One GRPO step. `crop_rate` is the share of its trajectories with a crop."""

    step: int
    reward: float
    accuracy: float
    format: float
    crop_rate: float
    turns: float


@dataclass(frozen=True)
class DemoSummary:
    """The content of summary.json; `seconds` is the whole demo without its environment."""

    seed: int
    family: str
    steps: int
    reward_first: float
    reward_last: float
    crop_rate_first: float
    crop_rate_last: float
    accuracy_first: float
    accuracy_last: float
    trajectories: int
    crops: int
    seconds: float

    def write(self, path: Path) -> None:
        """Write it as JSON, figures to four digits."""
        rounded = {
            key: round(value, 4) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }
        path.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


def read_steps(log: Path) -> list[StepFigures]:
    """The steps in a log directory so far; an unfinished last line is left for the next time."""
    figures = map(_step_figures, read_metrics(log).items)
    return [of_step for of_step in figures if of_step is not None]


def _step_figures(line: MetricsLine) -> StepFigures | None:
    values = line.values
    if "reward" not in values:
        return None
    return StepFigures(
        step=line.step,
        reward=values["reward"],
        accuracy=values["rewards/DeepEyesAccuracy/mean"],
        format=values["rewards/DeepEyesFormat/mean"],
        crop_rate=values["deepeyes/crops/share"],
        turns=values["deepeyes/turns/mean"],
    )


def mean_of(steps: Sequence[StepFigures], name: str) -> float:
    """The mean of one figure over some steps."""
    return fmean(getattr(step, name) for step in steps)


def summarise(
    seed: int,
    family: str,
    steps: Sequence[StepFigures],
    trajectories: Sequence[LoggedTrajectory],
    seconds: float,
) -> DemoSummary:
    """The figures of the first and the last steps, and what was counted on the way."""
    first, last = steps[:WINDOW], steps[-WINDOW:]
    return DemoSummary(
        seed=seed,
        family=family,
        steps=len(steps),
        reward_first=mean_of(first, "reward"),
        reward_last=mean_of(last, "reward"),
        crop_rate_first=mean_of(first, "crop_rate"),
        crop_rate_last=mean_of(last, "crop_rate"),
        accuracy_first=mean_of(first, "accuracy"),
        accuracy_last=mean_of(last, "accuracy"),
        trajectories=len(trajectories),
        crops=sum(item.trajectory.crops for item in trajectories),
        seconds=seconds,
    )

"""One trajectory as it is written to `DEEPEYES_LOG_DIR` and read by the viewer and the reports.

A log directory holds
- `trajectories/*.jsonl`: one `LoggedTrajectory` a line; each process writes files of its own;
- `images/<sha256 prefix>.png` (or `.jpg`, …): every image once, whoever shows it;
- `metrics.jsonl`: one `MetricsLine` a training step, written by rank 0;
- `run.json`: what the run was (`RunInfo`).
Evaluation writes the same format, so one viewer shows both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import ConfigDict, field_validator

from swift_deepeyes.episode.trajectory import Text, Trajectory
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.scoring.verdict import Verdict

TRAJECTORIES_FOLDER = "trajectories"
IMAGES_FOLDER = "images"
METRICS_FILE = "metrics.jsonl"
RUN_FILE = "run.json"

LOG_FORMAT = 1
"""The format of a line. It grows when a reader of the one before would misread a line."""


class PromptMessage(FrozenModel):
    """One message of the prompt, as text with its `<image>` tags."""

    role: str
    text: Text


class LoggedTrajectory(FrozenModel):
    """A trajectory and what became of it.

    `group` is shared by the rollouts of one prompt (the advantage group); `images` are file names
    in `images/`, sources first, then crops, in `<image>` order ("" where one could not be stored),
    and `image_sizes` their widths and heights in pixels, where known. `turn_tokens` is the length
    of each turn; empty: not known. `rewards` are the trainer's, by the metric's name.
    `accuracy` is 1, 0 or None where nothing could judge it; `total` is the method's reward. What is
    no number (NaN, infinity) is None where a field may be None; elsewhere no figure counts it.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)  # ids of other programs

    log_format: int = LOG_FORMAT
    id: str
    group: str
    step: int
    rank: int = 0
    split: str = "train"
    source: str | None = None
    index: str | None = None
    category: str | None = None
    prompt: tuple[PromptMessage, ...] = ()
    question: Text = ""
    reference: Text = ""
    images: tuple[str, ...] = ()
    image_sizes: tuple[tuple[int, int] | None, ...] = ()
    turn_tokens: tuple[int, ...] = ()
    trajectory: Trajectory
    answer: Text | None = None
    verdict: Verdict | None = None
    accuracy: float | None = None
    format: float = 0.0
    tool: float = 0.0
    total: float = 0.0
    format_errors: tuple[str, ...] = ()
    rewards: Mapping[str, float | None] = {}
    advantage: float | None = None

    @field_validator("accuracy", "advantage")
    @classmethod
    def _number(cls, value: float | None) -> float | None:
        return None if value is None or not math.isfinite(value) else value


class MetricsLine(FrozenModel):
    """All metrics of one training step, averaged over ranks."""

    step: int
    values: Mapping[str, float]


class RunInfo(FrozenModel):
    """What a log directory is about: `kind` is `train` or `eval`, `settings` are for people."""

    kind: str
    name: str
    started: str
    settings: Mapping[str, str] = {}

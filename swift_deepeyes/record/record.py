"""One trajectory as it is written to `DEEPEYES_LOG_DIR` and read by the viewer and the reports.

A log directory holds
- `trajectories/*.jsonl`: one `LoggedTrajectory` a line; each process writes files of its own;
- `images/<sha256 prefix>.png` (or `.jpg`, …): every image once, whoever shows it;
- `metrics.jsonl`: one `MetricsLine` a training step, written by rank 0;
- `alarms.jsonl`: one `AlarmLine` an alarm, written by rank 0;
- `run.json`: what the run was (`RunInfo`);
- `superseded/*/`: a log directory each, of steps that were trained again (`superseded`).
Evaluation writes the same format, so one viewer shows both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import ConfigDict, field_validator

from swift_deepeyes.episode.trajectory import Text, Trajectory
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.scoring.score import SampleScore

TRAJECTORIES_FOLDER = "trajectories"
IMAGES_FOLDER = "images"
METRICS_FILE = "metrics.jsonl"
ALARMS_FILE = "alarms.jsonl"
RUN_FILE = "run.json"
SUPERSEDED_FOLDER = "superseded"

LOG_FORMAT = 2
"""The format of a line. It grows when a reader of the one before would misread a line.

2: the score is one nested value. 1: its parts were fields of the line (`record/format_1`).
"""


class PromptMessage(FrozenModel):
    """One message of the prompt, as text with its `<image>` tags."""

    role: str
    text: Text


class LoggedTrajectory(FrozenModel):
    """A trajectory and what became of it.

    `group` is shared by the rollouts of one prompt (the advantage group); `images` are file names
    in `images/`, sources first, then crops, in `<image>` order ("" where one could not be stored),
    and `image_sizes` their widths and heights in pixels, where known. `turn_tokens` is the length
    of each turn; empty: not known. `score` is what scoring made of it, as it is; `rewards` are the
    trainer's, by the metric's name. What is no number (NaN, infinity) is None where a field may be
    None; elsewhere no figure counts it.
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
    score: SampleScore = SampleScore()
    rewards: Mapping[str, float | None] = {}
    advantage: float | None = None

    @field_validator("advantage")
    @classmethod
    def _number(cls, value: float | None) -> float | None:
        return None if value is None or not math.isfinite(value) else value


class MetricsLine(FrozenModel):
    """All metrics of one training step, averaged over ranks; `written`: seconds since the epoch."""

    step: int
    values: Mapping[str, float]
    written: float | None = None


class AlarmLine(FrozenModel):
    """An alarm: which signal, and what was told the user about it."""

    step: int
    signal: Text
    text: Text


class RunInfo(FrozenModel):
    """What a log directory is about: `kind` is `train` or `eval`, `settings` are for people.

    `resumed_at`: the step after which this run writes, 0 of one that began anew; None: not known.
    """

    kind: str
    name: str
    started: str
    resumed_at: int | None = None
    settings: Mapping[str, str] = {}

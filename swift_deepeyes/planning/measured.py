"""What a run really did, from its log directory (`DEEPEYES_LOG_DIR`), beside what was planned.

A plan rests on assumed lengths; a short run replaces them. The formulae stay `tokens`' own: fed
with what was measured, they must give what was measured. ms-swift's `memory(GiB)` counts vLLM's
sleeping pool, and is not compared with the plan's.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from statistics import fmean

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.metrics.counts import PREFIX
from swift_deepeyes.planning.plan import FigureUnit
from swift_deepeyes.planning.setup import Lengths, Setup, image_tokens
from swift_deepeyes.planning.times import judge_load, step_seconds
from swift_deepeyes.record.reader import read_metrics, read_trajectories
from swift_deepeyes.record.record import METRICS_FILE


class NothingMeasuredError(DeepEyesError):
    """The directory holds no log of a training run; the message says what is missing."""


class Measured(FrozenModel):
    """Means over a run: per step, and per trajectory. None: the log does not say."""

    steps: int
    trajectories: float | None  # of one step
    turns: float | None
    max_turns: float | None  # the longest trajectory's of a step
    model_tokens: float | None  # of a trajectory, all turns
    crops: float | None
    image_tokens: float | None
    crop_share: float | None  # a crop's tokens, by those of the source image
    questions: float | None  # that the judge was given in a step
    step_seconds: float | None

    def lengths(self, assumed: Lengths) -> Lengths:
        """The lengths of a plan, with the assumptions replaced by what was measured."""
        known: dict[str, float | None] = {
            "mean_turns": self.turns,
            "mean_crop_share": self.crop_share,
        }
        if self.turns and self.model_tokens is not None:
            known["mean_turn_tokens"] = max(1, round(self.model_tokens / self.turns))
        if self.turns and self.turns > 1 and self.crops is not None:
            known["mean_crop_rate"] = self.crops / (self.turns - 1)
        if self.max_turns is not None:
            known["max_turns"] = max(1, round(self.max_turns))
        return assumed.model_copy(update={name: v for name, v in known.items() if v is not None})


class Comparison(FrozenModel):
    """One quantity as planned and as measured."""

    name: str
    unit: FigureUnit
    planned: float
    measured: float | None


def read_measured(folder: Path, setup: Setup) -> Measured:
    """The means of a log directory; images as `setup`'s model and its MAX_PIXELS see them."""
    values: dict[str, list[float]] = defaultdict(list)
    lines = [line for line in read_metrics(folder).items if PREFIX + "trajectories" in line.values]
    for line in lines:
        for name, value in line.values.items():
            values[name].append(value)
    if not lines:
        raise NothingMeasuredError(f"there is no training step in {folder / METRICS_FILE}")

    def mean(name: str) -> float | None:
        return fmean(values[name]) if name in values else None

    sources, crops, trajectories = _image_tokens(folder, setup)
    return Measured(
        steps=len(lines),
        trajectories=mean(PREFIX + "trajectories"),
        turns=mean(PREFIX + "turns/mean"),
        max_turns=mean(PREFIX + "turns/max"),
        model_tokens=mean("completions/mean_length"),
        crops=mean(PREFIX + "crops/mean"),
        image_tokens=(sum(sources) + sum(crops)) / trajectories if trajectories else None,
        crop_share=fmean(crops) / fmean(sources) if crops and sources else None,
        questions=mean(PREFIX + "judge/questions"),
        step_seconds=mean("step_time"),
    )


def compare(setup: Setup, measured: Measured) -> tuple[Comparison, ...]:
    """What `setup` plans, beside what was measured."""
    tokens = setup.mean_tokens
    seconds = step_seconds(setup, tokens).total
    questions = judge_load(setup.trajectories, seconds, setup.judge, setup.gpu).questions
    turns, rate = setup.lengths.mean_turns, setup.lengths.mean_crop_rate
    rows = (
        ("trajectories of a step", FigureUnit.NUMBER, setup.trajectories, measured.trajectories),
        ("turns", FigureUnit.NUMBER, turns, measured.turns),
        ("model's turns", FigureUnit.TOKENS, tokens.of_model, measured.model_tokens),
        ("crops", FigureUnit.NUMBER, (turns - 1) * rate, measured.crops),
        ("image tokens", FigureUnit.TOKENS, tokens.images, measured.image_tokens),
        ("judge's questions of a step", FigureUnit.NUMBER, questions, measured.questions),
        ("step", FigureUnit.SECONDS, seconds, measured.step_seconds),
    )
    return tuple(Comparison(name=n, unit=u, planned=p, measured=m) for n, u, p, m in rows)


def _image_tokens(folder: Path, setup: Setup) -> tuple[list[int], list[int], int]:
    """Tokens of every source image and of every crop, marks included; number of trajectories."""
    sources: list[int] = []
    crops: list[int] = []
    trajectories = 0
    for logged in read_trajectories(folder).items:
        if logged.split != "train":
            continue
        trajectories += 1
        for place, size in enumerate(logged.image_sizes):
            if size is not None:
                kind = sources if place < logged.trajectory.source_images else crops
                pixels = min(size[0] * size[1], setup.lengths.max_pixels)
                kind.append(image_tokens(pixels, setup.model.token_side))
    return sources, crops, trajectories

"""The settings of one evaluation, and which of them make two runs the same experiment."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from pydantic import Field

from swift_deepeyes.evaluation.names import Thinking, ToolMode
from swift_deepeyes.evaluation.question import Question
from swift_deepeyes.evaluation.question_tools import describe_own_tools
from swift_deepeyes.evaluation.served_model import ServedModel
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.prompt_style import PromptStyle
from swift_deepeyes.settings import IndexedImages, Settings
from swift_deepeyes.tools import OFFICIAL_TOOLBOX

FORMAT_VERSION = "1"
"""Counts up when the same settings would give other trajectories than before."""

# What changes a trajectory or its score. The rest of the settings (where the judge is, how long it
# is waited for) may change between a run and its continuation.
_SETTINGS = (
    "scoring",
    "crop_source",
    "small_boxes",
    "min_crop_side",
    "max_crop_pixels",
    "min_crop_pixels",
    "max_crop_scale",
    "max_calls_per_turn",
    "max_images",
)


_JUDGE_SETTINGS = ("judge", "judge_model")


class Sampling(FrozenModel):
    """How the server is asked to write. `max_tokens` is per turn; `fields`: what else is asked."""

    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=10_240, ge=1)
    fields: dict[str, Any] = Field(default_factory=dict)


class Config(FrozenModel):
    """Everything that the user decided about what is asked. `shuffle_seed` None: as published.

    `toolbox`: whose tools a benchmark's questions have; rows that bring their own prompt have their
    own. `thinking` None: as the server's template has it.
    """

    benchmark: str
    tools: tuple[ToolMode, ...] = (ToolMode.ON,)
    all_rotations: bool = False
    samples: int = Field(default=1, ge=1)
    shuffle_seed: int | None = 0
    seed: int = 0
    sampling: Sampling = Sampling()
    max_turns: int = Field(default=6, ge=1)
    system_prompt: str
    toolbox: str = OFFICIAL_TOOLBOX
    thinking: Thinking | None = None


def fingerprint(
    config: Config, settings: Settings, model: ServedModel, questions: list[Question]
) -> dict[str, str]:
    """What must be equal for trajectories to be counted together, by name, as text.

    How many samples, rotations and tool modes are run is not part of it: a folder may grow.
    """
    facts: dict[str, object] = {
        "format": FORMAT_VERSION,
        "benchmark": config.benchmark,
        "questions": digest_of_questions(questions),
        "options": "as published" if config.shuffle_seed is None else config.shuffle_seed,
        "seed": config.seed,
        "temperature": config.sampling.temperature,
        "top_p": config.sampling.top_p,
        "max_tokens": config.sampling.max_tokens,
        "max_turns": config.max_turns,
        "system_prompt": sha256(config.system_prompt.encode()).hexdigest()[:16],
        "model": model.name,
        "weights": model.weights,
        "family": model.family,
        "box_frame": model.frame,
        "min_pixels": model.min_pixels,
        "max_pixels": model.max_pixels,
        "max_context": model.max_context,
    }
    own_tools = describe_own_tools(questions, config.toolbox)
    if own_tools:  # folders from before there were any have no such line
        facts["tools"] = own_tools
    facts.update({name: getattr(settings, name) for name in _SETTINGS})
    # As in folders from before there was a choice.
    if settings.image_index is not IndexedImages.ALL:
        facts["image_index"] = settings.image_index
    if config.thinking is not None:
        facts["thinking"] = config.thinking
    if settings.prompt is not PromptStyle.PUBLISHED:
        facts["prompt"] = settings.prompt
    if any(not question.is_closed for question in questions):
        facts.update({name: getattr(settings, name) for name in _JUDGE_SETTINGS})
    return {name: str(value) for name, value in facts.items()}


def digest_of_questions(questions: list[Question]) -> str:
    """The same for the same questions with the same files' names and sizes, wherever they are."""
    digest = sha256()
    for question in questions:
        images = [(image.name, image.stat().st_size) for image in question.images]
        content = question.model_dump(mode="json", exclude={"images"}) | {"images": images}
        for name in ("alternatives", "tools"):
            if not content[name]:
                del content[name]  # as in folders from before there were any
        digest.update(json.dumps(content, sort_keys=True).encode())
    return digest.hexdigest()[:16]

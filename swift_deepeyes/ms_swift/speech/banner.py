"""What a run is, in a few lines, as it really is: not only what was set.

The trainer's callback says it before step 1; `swift rollout` says its own part where the scheduler
lives. Under Megatron and Ray no callback runs: there the rewards say it at the first batch.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from swift_deepeyes import __version__
from swift_deepeyes.ms_swift.beginning import ANEW, Beginning
from swift_deepeyes.ms_swift.compat import INSTALLED, Scheduler
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.speech.console import say
from swift_deepeyes.ms_swift.template import box_frame, view_recipe
from swift_deepeyes.prompt_style import PromptStyle
from swift_deepeyes.settings import BoxFormat

logger = logging.getLogger(__name__)

Facts = Mapping[str, str]
"""What is said, by its label, in the order of the lines."""

_JUDGE = "judge"
_OURS = "deepeyes_scheduler"
_PIXEL_VARIABLES = ("MAX_PIXELS", "IMAGE_MAX_TOKEN_NUM")


def versions() -> Facts:
    """The plugin's version and that of ms-swift."""
    return {"swift-deepeyes": __version__, "ms-swift": str(INSTALLED)}


def introduce_run(
    scheduler: Any,
    args: Any,
    template: Any,
    has_reward: bool,
    beginning: Beginning = ANEW,
) -> Facts:
    """Say what a training run is, and return that without addresses and paths.

    `has_reward`: a reward of ours asks the judge. `template` None: the scheduler's, if any.
    """
    facts: Facts = {}
    with _harmless():
        if template is None and isinstance(scheduler, Scheduler):
            template = scheduler.template
        of_run = _training_facts(describe_scheduler(scheduler, args), template, has_reward)
        facts = beginning.facts | of_run
        say(_aligned(_with_places(facts | beginning.shown)))
    return facts


def introduce_rollout(scheduler: Scheduler) -> None:
    """Say what `swift rollout` knows."""
    with _harmless():
        facts = {"scheduler": describe_scheduler(scheduler)}
        say(_aligned(facts | _view_facts(scheduler.template)))


@contextmanager
def _harmless() -> Iterator[None]:
    """A run of days must not end for its introduction: what is wrong here says so itself later."""
    try:
        yield
    except Exception:
        logger.exception("What this run is cannot be said; it goes on")


def _training_facts(scheduler: str, template: Any, has_reward: bool) -> dict[str, str]:
    facts = {"scheduler": scheduler}
    if has_reward:
        facts[_JUDGE] = process.judge.model or "a model that was not met yet"
        facts["scoring"] = str(process.settings.scoring)
    return facts | _view_facts(template)


def _with_places(facts: Facts) -> Facts:
    """With what only the screen is told: addresses and paths."""
    shown = dict(facts)
    if _JUDGE in shown and process.judge.addresses:
        shown[_JUDGE] += f" at {process.judge.addresses}"
    folder = process.recorder.log_folder
    shown["log directory"] = "none: set DEEPEYES_LOG_DIR"
    if folder is not None:
        shown["log directory"] = str(folder.absolute())
        shown["to look at it"] = f"swift-deepeyes watch {folder.absolute()}"
    return shown


def describe_scheduler(scheduler: Any, args: Any = None) -> str:
    """The scheduler that drives the episodes, or where it is."""
    if scheduler is not None:
        name = _OURS if isinstance(scheduler, Scheduler) else type(scheduler).__name__
        turns = getattr(scheduler, "max_turns", None)
        return f"{name}, at most {turns} turns" if turns else f"{name}, turns without a limit"
    if getattr(args, "vllm_mode", None) == "server":
        return "that of the rollout server, which says it there"
    return "none: one turn, no tool"


def _view_facts(template: Any) -> dict[str, str]:
    """How the model sees images and writes boxes; nothing where there is no template."""
    if template is None:
        return {}
    settings = process.settings
    meta = getattr(template, "template_meta", None)
    said_by = f"template {getattr(meta, 'template_type', None) or type(template).__name__}"
    if settings.bbox_format is not BoxFormat.AUTO:
        said_by = "DEEPEYES_BBOX_FORMAT"
    return {
        "crop source": str(settings.crop_source),
        "box frame": f"{box_frame(template, settings.bbox_format)} ({said_by})",
        "pixel limits": _pixel_limits(template),
        **_prompt_facts(template),
    }


def _prompt_facts(template: Any) -> dict[str, str]:
    """What is put before each turn, and whose words tell of the tools; not what is usual."""
    facts: dict[str, str] = {}
    if hasattr(template, "_get_response_prefix") and (prefix := template._get_response_prefix()):
        facts["turns begin"] = repr(prefix)
    if process.settings.prompt is not PromptStyle.PUBLISHED:
        facts["tool prompts"] = f"{process.settings.prompt} (DEEPEYES_PROMPT)"
    return facts


def _pixel_limits(template: Any) -> str:
    recipe = view_recipe(template, None)
    most = recipe.max_pixels
    if most is None:
        return "the model's own"
    if recipe.rescale_pixels:
        said_by = "--max_pixels"
    else:
        found = [name for name in _PIXEL_VARIABLES if name in os.environ]
        said_by = found[0] if found else "the model's default: MAX_PIXELS is not set"
    return f"{recipe.min_pixels:,} to {most:,} per image ({said_by})"


def _aligned(facts: Facts) -> str:
    width = max(map(len, facts), default=0)
    lines = [f"  {label:{width}}  {text}" for label, text in facts.items()]
    title = " with ".join(f"{name} {version}" for name, version in versions().items())
    return "\n".join([title, *lines])

"""The only way to begin an episode: for training, for evaluation, and for a server endpoint.

A host says what it alone knows (`Host`) and what the row asks (`EpisodePrompt`); limits, rules and
meter follow from the settings, so that what is evaluated and served is what was trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from swift_deepeyes.episode.boxes import BoxRules, Frame
from swift_deepeyes.episode.context import MESSAGE_MARGIN, ContextMeter
from swift_deepeyes.episode.dialects.registry import dialects_of
from swift_deepeyes.episode.episode import Episode, EpisodeLimits
from swift_deepeyes.episode.images import ConversationImages
from swift_deepeyes.episode.messages import turn_instruction
from swift_deepeyes.episode.tool import Toolbox, ToolContext
from swift_deepeyes.episode.view import CropLimits, ImageLoader, ViewRecipe
from swift_deepeyes.episode.view_cache import ViewCache
from swift_deepeyes.settings import Settings


@dataclass(frozen=True, slots=True)
class Host:
    """What the host knows of its model and of its own limits.

    `count_tokens`: of a text. `max_context` in tokens, None: not known. `max_images` per
    conversation, None: no limit beside the settings'. `max_turns` None: the driver decides.
    `agent_template`: of the model's template, by ms-swift's name; None: none that is known.
    """

    recipe: ViewRecipe
    frame: Frame
    load: ImageLoader
    count_tokens: Callable[[str], int]
    max_context: int | None = None
    max_images: int | None = None
    max_turns: int | None = None
    agent_template: str | None = None


@dataclass(frozen=True, slots=True)
class EpisodePrompt:
    """What the row asks. `question`: the text of its last user message, with its instruction.

    `tokens` counts the whole prompt, images included; it is asked when first needed, after the
    first turn. `toolbox` None: no tool. `message_margin`: tokens of a message's frame. `shown`: all
    that the model reads, as far as it is known: which form of a call it shows.
    """

    images: tuple[str, ...]
    question: str
    toolbox: Toolbox | None
    tokens: Callable[[ConversationImages], int]
    message_margin: int = MESSAGE_MARGIN
    opens_thought: bool | None = None
    shown: str = ""


class EpisodeStarter:
    """Begins the episodes of a process; they share the decoded views of their images."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._views = ViewCache(int(settings.picture_cache_gb * 2**30))

    def start(self, host: Host, prompt: EpisodePrompt) -> Episode:
        """The episode of a prompt, before its first turn. Opens no image."""
        settings = self.settings
        images = ConversationImages(
            prompt.images,
            load=host.load,
            recipe=host.recipe,
            cache=self._views,
            crop_source=settings.crop_source,
            limits=crop_limits(settings, host.recipe),
        )
        return Episode(
            context=ToolContext(images, host.frame, box_rules(settings), settings.image_index),
            toolbox=prompt.toolbox,
            instruction=turn_instruction(prompt.question),
            limits=episode_limits(settings, host),
            meter=ContextMeter(
                host.max_context,
                host.count_tokens,
                host.recipe,
                lambda: prompt.tokens(images),
                prompt.message_margin,
            ),
            prompt_opens_thought=prompt.opens_thought,
            dialects=dialects_of(host.agent_template, prompt.shown),
        )


def box_rules(settings: Settings) -> BoxRules:
    """Which boxes the settings allow."""
    return BoxRules(settings.min_crop_side, settings.small_boxes)


def crop_limits(settings: Settings, recipe: ViewRecipe) -> CropLimits:
    """How large the settings let a crop be; without a word, not below what the model shows."""
    least = settings.min_crop_pixels or recipe.min_pixels
    return CropLimits(least, settings.max_crop_pixels, settings.max_crop_scale)


def episode_limits(settings: Settings, host: Host) -> EpisodeLimits:
    """How long an episode may get: the tighter of the settings' and the host's limits."""
    images = settings.max_images
    if host.max_images is not None:
        images = min(images, host.max_images)
    return EpisodeLimits(host.max_turns, settings.max_calls_per_turn, images)

"""Episodes over drawn images, without ms-swift: what the core's own tests drive."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from typing import Any

from PIL import Image

from swift_deepeyes.episode.boxes import BoxRules, Frame
from swift_deepeyes.episode.context import ContextMeter
from swift_deepeyes.episode.dialects.registry import Dialects
from swift_deepeyes.episode.episode import Episode, EpisodeLimits
from swift_deepeyes.episode.images import ConversationImages
from swift_deepeyes.episode.messages import TURN_INSTRUCTION
from swift_deepeyes.episode.start import Host, box_rules, episode_limits
from swift_deepeyes.episode.tool import Toolbox, ToolContext
from swift_deepeyes.episode.view import CropLimits, ViewRecipe, to_png
from swift_deepeyes.episode.view_cache import ViewCache
from swift_deepeyes.settings import CropSource, IndexedImages, JudgeKind, Settings
from swift_deepeyes.tools import OFFICIAL_TOOLBOX, toolbox_of_row

SETTINGS = Settings(judge=JudgeKind.RULE)
RECIPE = ViewRecipe(14, fetch_options={"max_pixels": 602112})
RULES = box_rules(SETTINGS)
AS_CUT = CropLimits(min_pixels=0, max_pixels=SETTINGS.max_crop_pixels, max_scale=1)


def load(image: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(image)))


def png(width: int = 300, height: int = 200, color: str = "white") -> str:
    return to_png(Image.new("RGB", (width, height), color))


def make_images(*images: str, **changes: Any) -> ConversationImages:
    options: dict[str, Any] = {
        "load": load,
        "recipe": RECIPE,
        "cache": ViewCache(2**30),
        "crop_source": CropSource.PREPROCESSED,
        "limits": AS_CUT,
    }
    return ConversationImages(images, **{**options, **changes})


def make_episode(
    *images: str,
    toolbox: Toolbox | None = toolbox_of_row(OFFICIAL_TOOLBOX, ""),  # noqa: B008
    limits: EpisodeLimits | None = None,
    frame: Frame = Frame.PIXEL,
    rules: BoxRules = RULES,
    context: int | None = None,
    dialects: Dialects = Dialects(),  # noqa: B008
    indexed: IndexedImages = IndexedImages.ALL,
    **changes: Any,
) -> Episode:
    conversation = make_images(*(images or (png(),)), **changes)
    return Episode(
        context=ToolContext(conversation, frame, rules, indexed),
        toolbox=toolbox,
        instruction=TURN_INSTRUCTION,
        limits=limits or make_limits(max_turns=6),
        meter=ContextMeter(context, len, conversation.recipe, conversation.source_tokens),
        dialects=dialects,
    )


def make_limits(**changes: Any) -> EpisodeLimits:
    """The settings' own limits, but for what a test is about."""
    return replace(episode_limits(SETTINGS, Host(RECIPE, Frame.PIXEL, load, len)), **changes)


def call(name: str = "image_zoom_in_tool", **arguments: Any) -> str:
    body = json.dumps({"name": name, "arguments": arguments})
    return f"<think>look closer</think><tool_call>{body}</tool_call>"

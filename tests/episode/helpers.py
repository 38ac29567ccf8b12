"""Episodes over drawn images, without ms-swift: what the core's own tests drive."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

from PIL import Image

from swift_deepeyes.episode.boxes import BoxRules, Frame
from swift_deepeyes.episode.context import ContextMeter
from swift_deepeyes.episode.episode import Episode, EpisodeLimits
from swift_deepeyes.episode.images import ConversationImages
from swift_deepeyes.episode.messages import TURN_INSTRUCTION
from swift_deepeyes.episode.tool import Toolbox, ToolContext
from swift_deepeyes.episode.view import ViewRecipe, to_png
from swift_deepeyes.episode.view_cache import ViewCache
from swift_deepeyes.settings import CropSource
from swift_deepeyes.tools import OFFICIAL_TOOLBOX, toolbox_of_row


def load(image: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(image)))


def png(width: int = 300, height: int = 200, color: str = "white") -> str:
    return to_png(Image.new("RGB", (width, height), color))


def make_gallery(*images: str, **changes: Any) -> ConversationImages:
    options: dict[str, Any] = {
        "load": load,
        "recipe": ViewRecipe(14, fetch_options={"max_pixels": 602112}),
        "cache": ViewCache(),
        "crop_source": CropSource.PREPROCESSED,
    }
    return ConversationImages(images, **{**options, **changes})


def make_episode(
    *images: str,
    toolbox: Toolbox | None = toolbox_of_row(OFFICIAL_TOOLBOX, ""),  # noqa: B008
    limits: EpisodeLimits = EpisodeLimits(max_turns=6),  # noqa: B008
    frame: Frame = Frame.PIXEL,
    rules: BoxRules = BoxRules(),  # noqa: B008
    context: int | None = None,
    **changes: Any,
) -> Episode:
    gallery = make_gallery(*(images or (png(),)), **changes)
    return Episode(
        scene=ToolContext(gallery, frame, rules),
        toolbox=toolbox,
        instruction=TURN_INSTRUCTION,
        limits=limits,
        meter=ContextMeter(context, len, gallery.recipe, gallery.source_tokens),
    )


def call(name: str = "image_zoom_in_tool", **arguments: Any) -> str:
    body = json.dumps({"name": name, "arguments": arguments})
    return f"<think>look closer</think><tool_call>{body}</tool_call>"

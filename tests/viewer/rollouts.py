"""Rollouts of a drawn policy through the real engine: it learns to zoom, and forgets it at step 10.

Boxes get too small first, then calls get malformed, then there are none: the fall that the viewer
has to explain.
"""

from __future__ import annotations

import base64
import io
import json
import random
from dataclasses import dataclass

from PIL import Image

from swift_deepeyes.episode.boxes import Frame
from swift_deepeyes.episode.episode import Episode
from swift_deepeyes.episode.start import EpisodePrompt, EpisodeStarter, Host
from swift_deepeyes.episode.view import ViewRecipe
from swift_deepeyes.settings import CropSource, JudgeKind, Settings
from swift_deepeyes.tools import OFFICIAL_TOOLBOX, toolbox_of_row
from tests.viewer.harbour import Harbour

_VIEW_PIXELS = 602_112
_THOUGHTS = (
    "The boats are small here. I need to look closer at the one farthest away.",
    "I see several sails. The smallest boat is hard to make out, so I zoom in.",
    "Let me look at the region around the smallest boat before I answer.",
)


@dataclass(frozen=True)
class Habits:
    """How likely the policy does what: shares between 0 and 1."""

    zooms: float
    box_too_small: float
    malformed: float
    second_look: float


def habits_at(step: int, steps: int) -> Habits:
    """Tool use rises over the first half of the run and dies after it."""
    phase = step / max(1, steps - 1)
    if phase < 0.45:
        return Habits(0.35 + 1.2 * phase, 0.10, 0.05, 0.25)
    decay = max(0.0, 1 - (phase - 0.45) * 5)
    return Habits(0.9 * decay, 0.75, 0.35, 0.1)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def _load(image: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(image)))


def make_starter() -> EpisodeStarter:
    """What is set for all episodes: crops come from the original."""
    return EpisodeStarter(
        Settings(judge=JudgeKind.RULE, crop_source=CropSource.ORIGINAL, max_calls_per_turn=2)
    )


def make_episode(
    image: str, starter: EpisodeStarter, max_turns: int = 4, view_pixels: int = _VIEW_PIXELS
) -> Episode:
    """An episode over one image, of which the model sees a smaller view."""
    host = Host(
        # Without `fetch_image`, which brings in torch; a rescaled view is what matters here.
        recipe=ViewRecipe(rescale_pixels=view_pixels, resizes=False),
        frame=Frame.PIXEL,
        load=_load,
        count_tokens=len,
        max_turns=max_turns,
    )
    toolbox = toolbox_of_row(OFFICIAL_TOOLBOX, "")
    return starter.start(host, EpisodePrompt((image,), "", toolbox, lambda images: 0))


def call(box: tuple[int, ...], **more: object) -> str:
    arguments = {"bbox_2d": list(box), "label": "smallest boat", **more}
    body = json.dumps({"name": "image_zoom_in_tool", "arguments": arguments})
    return f"<tool_call>{body}</tool_call>"


def play(scene: Harbour, episode: Episode, habits: Habits, rng: random.Random) -> bool:
    """Drive one episode to its end; True if the policy meant to answer right."""
    scale = (_VIEW_PIXELS / (scene.image.width * scene.image.height)) ** 0.5
    box = [side * min(1.0, scale) for side in scene.box]
    saw_it = False
    if rng.random() < habits.zooms:
        saw_it = _look(episode, box, scale, habits, rng)
    is_right = rng.random() < (0.9 if saw_it else 0.3)
    if episode.stop_reason is None:
        answer = scene.answer if is_right else rng.choice(["17", "B", "C", "I cannot tell", "42"])
        is_right = answer == scene.answer
        thought = "Now I can read it." if saw_it else "It is too small to be sure; I guess."
        text = f"<think>{thought}</think>\n<answer>{answer}</answer>"
        if rng.random() < 0.05:
            text = f"<think>{thought} It must be {answer}."  # the thought never ends
        episode.advance(text, tokens=len(text) // 4, truncated=False)
    return is_right and episode.stop_reason == "answered"


def _look(
    episode: Episode, box: list[float], scale: float, habits: Habits, rng: random.Random
) -> bool:
    """Up to two calls; True if one of them showed the target. `scale`: view over source."""
    left, top, right, bottom = (round(side + rng.uniform(-12, 12)) for side in box)
    wide = (max(0, left - rng.randint(40, 160)), max(0, top - 60), right + 120, bottom + 80)
    target = (max(0, left), max(0, top), right, bottom)
    thought = f"<think>{rng.choice(_THOUGHTS)}</think>\n"
    if rng.random() < habits.malformed:
        text = thought + call(target).replace("}}", "}")
    elif rng.random() < habits.box_too_small:
        text = thought + call((left + 20, top + 20, left + 38, top + 34))
    elif rng.random() < habits.second_look:
        episode.advance(thought + call(wide), tokens=70, truncated=False)
        # A crop is as large as in the source, which the model's view made smaller.
        offset = (wide[0], wide[1], wide[0], wide[1])
        inner = [round((t - o) / min(1, scale)) for t, o in zip(target, offset, strict=True)]
        text = "<think>There it is. Closer still.</think>\n" + call(tuple(inner), img_idx=1)
        episode.advance(text, tokens=60, truncated=False)
        return True
    elif rng.random() < 0.15:
        text = thought + call(target) + call(wide, label="all of the boats around it")
    else:
        text = thought + call(target)
    episode.advance(text, tokens=len(text) // 4, truncated=False)
    return episode.record.crops > 0

"""Does the server look at the pixels that we think it looks at? Asked before anything is measured.

A few images are sent as the evaluation will send them, and the server's own count of prompt tokens
is compared with the image tokens that the recipe expects. Another resize on the server's side (a
tighter `max_pixels`, another family) changes that number, and would move every box.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from swift_deepeyes.chat.conversation import image_part
from swift_deepeyes.episode.boxes import Size
from swift_deepeyes.episode.view import UnreadableImageError, ViewRecipe, decode, to_png
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.evaluation.config import Sampling
from swift_deepeyes.evaluation.endpoint import Endpoint, ServerRefusedError, UnusableReplyError
from swift_deepeyes.evaluation.image_files import open_image
from swift_deepeyes.frozen import FrozenModel

logger = logging.getLogger(__name__)

_IMAGES_LOOKED_AT = 64
_SMALLEST = (31, 31)  # pixels: the smallest crop that the default rules allow
_ONE_TOKEN = Sampling(max_tokens=1)
_TEXT = {"type": "text", "text": "?"}


class Probe(FrozenModel):
    """One image: the size of its view, and its tokens as expected and as the server counted."""

    view: tuple[int, int]
    expected: int
    counted: int | None

    @property
    def is_as_expected(self) -> bool:
        """Whether both counts are the same."""
        return self.counted == self.expected

    @property
    def told(self) -> str:
        """Size and counts in a few words."""
        return f"{self.view[0]}x{self.view[1]}: {self.counted} (expected {self.expected})"


class OtherPixelsError(DeepEyesError):
    """The server looks at other pixels than assumed: boxes would be cut in the wrong place."""


class PixelCheck(FrozenModel):
    """The outcome. `problem` is empty where the server sees what we think."""

    probes: tuple[Probe, ...]
    problem: str = ""

    @property
    def told(self) -> str:
        """The outcome in one line."""
        return self.problem or f"as expected, {', '.join(probe.told for probe in self.probes)}"

    def raise_if_other(self) -> None:
        """Raises `OtherPixelsError` if the server's count is known, and another."""
        if any(probe.counted is not None and not probe.is_as_expected for probe in self.probes):
            raise OtherPixelsError(f"{self.problem} --no-check-tokens asks all the same.")


async def check_pixels(
    endpoint: Endpoint, model: str, recipe: ViewRecipe, images: Sequence[Path]
) -> PixelCheck:
    """Probe with a tiny image and with the largest of some of the benchmark's own images.

    Raises `ServerRefusedError` where the server refuses even a text, as it would every question.
    """
    largest = max(images[:_IMAGES_LOOKED_AT], key=_pixels)
    probes: list[Probe] = []
    try:
        baseline = await _count(endpoint, model, None)
    except UnusableReplyError as error:
        return PixelCheck(probes=(), problem=f"The server refused a probe: {error}")
    try:
        for image in (Image.new("RGB", _SMALLEST, "white"), decode(str(largest), open_image)):
            view = recipe.view(image)
            counted = None if baseline is None else await _count(endpoint, model, view)
            probes.append(
                Probe(
                    view=view.size,
                    expected=recipe.tokens(Size(*image.size)),
                    counted=None if counted is None or baseline is None else counted - baseline,
                )
            )
    except (ServerRefusedError, UnusableReplyError) as refusal:
        return PixelCheck(probes=tuple(probes), problem=f"The server refused a probe: {refusal}")
    except UnreadableImageError as error:
        return PixelCheck(probes=tuple(probes), problem=f"No image could be probed: {error}")
    return PixelCheck(probes=tuple(probes), problem=_problem(probes))


async def _count(endpoint: Endpoint, model: str, view: Image.Image | None) -> int | None:
    """The server's count of a prompt with this image, or without any."""
    parts = [_TEXT] if view is None else [image_part(to_png(view)), _TEXT]
    messages = [{"role": "user", "content": parts}]
    return (await endpoint.complete(model, messages, _ONE_TOKEN, seed=0)).prompt_tokens


def _problem(probes: list[Probe]) -> str:
    if any(probe.counted is None for probe in probes):
        return "The server does not count prompt tokens, so it is not known what it looks at."
    wrong = [probe for probe in probes if not probe.is_as_expected]
    if not wrong:
        return ""
    told = "; ".join(
        f"{probe.view[0]}x{probe.view[1]}: {probe.expected} tokens expected, "
        f"{probe.counted} counted"
        for probe in wrong
    )
    return (
        f"THE SERVER LOOKS AT OTHER PIXELS THAN THIS EVALUATION ASSUMES ({told}). Boxes will be "
        "cut in the wrong place. State --family, --min-pixels and --max-pixels as the server has "
        "them."
    )


def _pixels(path: Path) -> int:
    try:
        width, height = open_image(str(path)).size
    except UnreadableImageError:
        return 0
    return width * height

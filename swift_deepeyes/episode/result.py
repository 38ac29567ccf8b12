"""What a tool's call gives back, and whether that can be shown to the model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image

from swift_deepeyes.episode.boxes import Box
from swift_deepeyes.episode.images import NewImage
from swift_deepeyes.episode.view import ViewRecipe


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gives back: an image, a text, or both. `box` is what was cut, for the record."""

    image: NewImage | None = None
    text: str = ""
    box: Box | None = None
    image_index: int | None = None


def checked_result(value: object, recipe: ViewRecipe) -> ToolResult:
    """What a tool's `run` returned, its image as RGB. Raises TypeError or ValueError: a tool's bug.

    Looked at here, because an image that cannot be shown would end the whole run further on.
    """
    _expect(value, ToolResult, "what run returns")
    assert isinstance(value, ToolResult)
    _expect(value.text, str, "the text of a ToolResult")
    if value.box is not None:
        _expect(value.box, Box, "the box of a ToolResult")
    if value.image_index is not None:
        _expect(value.image_index, int, "the image_index of a ToolResult")
    if value.image is None:
        return value
    _expect(value.image, NewImage, "the image of ToolResult(image=NewImage(picture))")
    picture = value.image.image
    _expect(picture, Image.Image, "what a NewImage holds")
    if min(picture.size) < 1:
        raise ValueError(f"the image of a ToolResult is empty ({value.image.size} pixels)")
    recipe.view_size(value.image.size)  # raises where the model has no view of such a shape
    if picture.mode == "RGB":
        return value
    # As ms-swift does when it loads the image.
    return replace(value, image=replace(value.image, image=picture.convert("RGB")))


def _expect(value: object, kind: type, what: str) -> None:
    if not isinstance(value, kind):
        given = "None" if value is None else type(value).__qualname__
        raise TypeError(f"{what} must be of type {kind.__name__}, not {given}")

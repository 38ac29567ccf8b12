"""Bounding boxes in frames: numbers only, no images.

A box without its frame is the classic silent bug of this field (DeepEyes #141: 12 % offset at
4K), so every box here carries the frame that its numbers count in, and the only way from one
frame to another is `Box.to`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from swift_deepeyes.episode.family import Family
from swift_deepeyes.episode.trajectory import CallStatus
from swift_deepeyes.settings import BoxFormat, SmallBoxes

MAX_BOX_RATIO = 100
"""Long side over short side of a box (official rule; over 200 the model's processor raises)."""


class Frame(StrEnum):
    """What a box's numbers count: pixels of the model's view, thousandths, or source pixels."""

    PIXEL = "pixel"
    NORM1000 = "norm1000"
    SOURCE = "source"


def family_frame(family: Family, box_format: BoxFormat) -> Frame:
    """In which frame a family's models write boxes; `auto` is what the family was trained on."""
    if box_format is BoxFormat.AUTO:
        return Frame.PIXEL if family.writes_pixels else Frame.NORM1000
    return Frame.PIXEL if box_format is BoxFormat.PIXEL else Frame.NORM1000


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class BoxError(ValueError):
    """The model's box cannot be used; `str(error)` tells the model why and what is allowed."""

    def __init__(self, status: CallStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Extent:
    """How large one image is in each frame."""

    view: Size
    source: Size

    def of(self, frame: Frame) -> tuple[float, float]:
        """Width and height of the whole image, counted in `frame`."""
        if frame is Frame.NORM1000:
            return 1000.0, 1000.0
        return self.view if frame is Frame.PIXEL else self.source


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle (left, top, right, bottom) in a frame. Immutable, finite numbers."""

    left: float
    top: float
    right: float
    bottom: float
    frame: Frame

    @property
    def width(self) -> float:
        """Right minus left, in the frame's unit."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Bottom minus top, in the frame's unit."""
        return self.bottom - self.top

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """`(left, top, right, bottom)`."""
        return self.left, self.top, self.right, self.bottom

    def to(self, frame: Frame, extent: Extent) -> Box:
        """The same region of the image in another frame."""
        if frame is self.frame:
            return self
        from_width, from_height = extent.of(self.frame)
        to_width, to_height = extent.of(frame)
        x, y = to_width / from_width, to_height / from_height
        return Box(self.left * x, self.top * y, self.right * x, self.bottom * y, frame)

    def rounded_out(self) -> Box:
        """The smallest box with whole numbers around this one.

        The tolerance keeps `norm1000` boxes, which come from a division, from growing by a pixel.
        """
        tolerance = 1e-6
        return Box(
            math.floor(self.left + tolerance),
            math.floor(self.top + tolerance),
            math.ceil(self.right - tolerance),
            math.ceil(self.bottom - tolerance),
            self.frame,
        )


@dataclass(frozen=True, slots=True)
class BoxRules:
    """Which boxes are cut as they are. `min_side` counts pixels of the model's view, exclusive."""

    min_side: int
    small_boxes: SmallBoxes


def read_box(value: object, frame: Frame) -> Box:
    """Read what the model wrote as `bbox_2d`; `BoxError` unless it is four finite numbers."""
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise BoxError(CallStatus.BAD_BOX, "bbox_2d must be four numbers: [x1, y1, x2, y2].")
    numbers = [_finite(item) for item in value]
    left, top, right, bottom = numbers
    if left >= right or top >= bottom:
        raise BoxError(CallStatus.BAD_BOX, "bbox_2d [x1, y1, x2, y2] needs x1 < x2 and y1 < y2.")
    return Box(left, top, right, bottom, frame)


def fit_box(box: Box, extent: Extent, rules: BoxRules) -> Box:
    """Clamp a box to the image, apply the size rules, and round it out to whole pixels of the view.

    Returns a box in `Frame.PIXEL` that lies inside the view. Raises `BoxError` with a message that
    states the image's size in the model's own frame. Rules: field notes on the official code
    (aspect ratio at most 100, shortest side over 30 px) and DeepEyes #131 (too small crops).
    """
    width, height = extent.of(box.frame)
    if box.right <= 0 or box.bottom <= 0 or box.left >= width or box.top >= height:
        raise BoxError(
            CallStatus.BOX_OUTSIDE,
            f"bbox_2d lies outside the image, which is {width:g} wide and {height:g} high "
            f"({_describe(box.frame)}).",
        )
    inside = Box(
        max(box.left, 0.0),
        max(box.top, 0.0),
        min(box.right, width),
        min(box.bottom, height),
        box.frame,
    )
    pixels = inside.to(Frame.PIXEL, extent).rounded_out()
    if min(pixels.width, pixels.height) <= rules.min_side:
        pixels = _small_box(pixels, extent, box.frame, rules)
    if max(pixels.width, pixels.height) > MAX_BOX_RATIO * min(pixels.width, pixels.height):
        raise BoxError(
            CallStatus.BOX_TOO_LONG,
            f"bbox_2d is too thin: its long side may be at most {MAX_BOX_RATIO} times "
            "its short side.",
        )
    return pixels


def _small_box(pixels: Box, extent: Extent, frame: Frame, rules: BoxRules) -> Box:
    """Refuse a small box or grow it around its centre, as the rules say."""
    if rules.small_boxes is SmallBoxes.ENLARGE:
        left, right = _grow(pixels.left, pixels.right, rules.min_side + 1, extent.view.width)
        top, bottom = _grow(pixels.top, pixels.bottom, rules.min_side + 1, extent.view.height)
        return Box(left, top, right, bottom, Frame.PIXEL)
    width, height = extent.of(frame)
    least = rules.min_side
    if frame is Frame.NORM1000:
        across = math.ceil(1000 * least / extent.view.width)
        down = math.ceil(1000 * least / extent.view.height)
        raise BoxError(
            CallStatus.BOX_TOO_SMALL,
            f"bbox_2d is too small: it must be wider than {across} and higher than {down} "
            f"({_describe(frame)}).",
        )
    raise BoxError(
        CallStatus.BOX_TOO_SMALL,
        f"bbox_2d is too small: both sides must be longer than {least} pixels. "
        f"The image is {width:g} wide and {height:g} high.",
    )


def _grow(low: float, high: float, length: int, limit: int) -> tuple[float, float]:
    """The interval widened to `length` around its centre, shifted to stay within [0, limit]."""
    length = min(length, limit)
    if high - low >= length:
        return low, high
    start = math.floor((low + high - length) / 2)
    start = max(0, min(start, limit - length))
    return start, start + length


def _finite(item: object) -> float:
    """One coordinate. Booleans are ints to Python, but `true` is not a coordinate."""
    if isinstance(item, bool) or not isinstance(item, int | float):
        raise BoxError(CallStatus.BAD_BOX, "Every number of bbox_2d must be a plain number.")
    try:
        number = float(item)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BoxError(CallStatus.BAD_BOX, "Every number of bbox_2d must be finite.")
    return number


def _describe(frame: Frame) -> str:
    return "on a scale from 0 to 1000" if frame is Frame.NORM1000 else "in pixels"

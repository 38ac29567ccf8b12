"""Toy scenes: a house of four rooms, and a ball whose pattern shows only from near.

A scene has four times the side of the model's view of it (`MAX_PIXELS` of the demo), so one pixel
of the view is the mean of 4x4. The patterns repeat every 4 pixels and have the same mean: in the
model's view all balls look alike, up to a rounding of 2 in 255 levels. A crop of one room, cut from
the original, is enlarged twice as much, and there the pattern shows. So the answer cannot be had
without the tool, which is the point of the method. Each room has its own wallpaper and only the
ball's has its light on, because a vision tower of two layers learns a colour in a minute but does
not learn a place from rotary phases alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from swift_deepeyes.demo.toy.view import Box, ToyView

ROOMS = 4
_MARGIN = 24  # pixels between ball and wall: its outline, and a shift
_OUTLINE = 6
_FADE = 16  # pixels
_GREY = 128
_CONTRAST = 105  # levels of 255
_SHINE = 0.25
_DARK = 0.2  # brightness of a room without the ball
_SHIFTS = range(-16, 17, 4)
_WALLPAPER = ((196, 92, 92), (92, 172, 92), (96, 110, 200), (200, 180, 88))


class Pattern(StrEnum):
    """What the ball is painted with; the values are the answers."""

    VERTICAL = "vertical"
    HORIZONTAL = "horizontal"
    PLAIN = "plain"


@dataclass(frozen=True)
class Scene:
    """Where the ball is, how it is painted, and how far (pixels) it is off the middle."""

    room: int
    pattern: Pattern
    shift: tuple[int, int] = (0, 0)


def random_scene(rng: random.Random) -> Scene:
    """Any room, any pattern, a small shift that keeps the pattern's phase."""
    shift = (rng.choice(_SHIFTS), rng.choice(_SHIFTS))
    return Scene(rng.randrange(ROOMS), rng.choice(list(Pattern)), shift)


def draw(scene: Scene, view: ToyView) -> Image.Image:
    """Paint the scene at full resolution."""
    side, room_side = view.scene_side, view.scene_side // 2
    image = Image.new("RGB", (side, side))
    for room, (red, green, blue) in enumerate(_WALLPAPER):
        light = 1.0 if room == scene.room else _DARK
        colour = (int(red * light), int(green * light), int(blue * light))
        image.paste(colour, _file_box(room, room_side))
    left, top, right, bottom = _file_box(scene.room, room_side)
    pixels = np.asarray(image.crop((left, top, right, bottom))).copy()
    rows, columns = np.mgrid[0:room_side, 0:room_side].astype(np.float32)
    middle, radius = room_side / 2 - 0.5, room_side // 2 - _MARGIN
    distance = np.hypot(columns - middle - scene.shift[0], rows - middle - scene.shift[1])
    pixels[distance < radius + _OUTLINE] = 30
    # The paint fades towards the rim: a hard edge would cut the pattern off in mid-period, and what
    # is left of a period there does not average out.
    strength = np.clip((radius - distance) / _FADE, 0, 1) ** 2
    inside = distance < radius
    lines = _CONTRAST * strength * _paint(scene.pattern, room_side)
    # The room's light colours the ball a little: one more sign of the place.
    ball = _GREY + _SHINE * (np.array(_WALLPAPER[scene.room]) - _GREY)
    pixels[inside] = np.rint(ball + lines[inside][:, None])
    image.paste(Image.fromarray(pixels), (left, top))
    return image


def cut(image: Image.Image, room: int) -> Image.Image:
    """One room of a scene, at the file's own resolution."""
    return image.crop(_file_box(room, image.width // 2))


def to_png(image: Image.Image) -> bytes:
    """The bytes of a PNG file."""
    buffer = BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def _file_box(room: int, side: int) -> Box:
    left, top = (room % 2) * side, (room // 2) * side
    return (left, top, left + side, top + side)


def _paint(pattern: Pattern, side: int) -> Any:
    """Lines of 2 pixels, +1 and -1; the mean over 4 pixels is 0, as of the plain ball."""
    lines = (np.arange(side) // 2) % 2 * 2.0 - 1.0
    across = np.broadcast_to(lines, (side, side))
    match pattern:
        case Pattern.VERTICAL:
            return across
        case Pattern.HORIZONTAL:
            return across.T
        case Pattern.PLAIN:
            return np.zeros((side, side))

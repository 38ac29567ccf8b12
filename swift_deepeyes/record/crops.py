"""Which image a call returned, which source it shows, and how much of that source.

The record says in which image of the conversation the model drew its box; that image may itself be
a crop, so the way to the source goes through the calls before. Curves, reports and the viewer all
walk it here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from swift_deepeyes.episode.trajectory import CallRecord, Trajectory

ImageSize = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CallImages:
    """`crop`: index of the returned image in `<image>` order; `source`: that of the box's source.

    Each is None where there is none: no crop was returned, or the crop is no rectangle of a source.
    """

    crop: int | None = None
    source: int | None = None


def images_of_calls(trajectory: Trajectory) -> tuple[tuple[CallImages, ...], ...]:
    """For every turn, the images of its calls, in order."""
    walk = _Walk(trajectory.source_images)
    return tuple(tuple(walk.over(turn.calls)) for turn in trajectory.turns)


def crop_areas(trajectory: Trajectory, image_sizes: Sequence[ImageSize | None]) -> list[float]:
    """The area of each crop as a share of the source image that it shows, where both are known.

    `image_sizes`: width and height in pixels, in `<image>` order.
    """
    calls = (call for turn in trajectory.turns for call in turn.calls)
    images = (images for of_turn in images_of_calls(trajectory) for images in of_turn)
    areas = (
        _area(call, image_sizes[of_call.source])
        for call, of_call in zip(calls, images, strict=True)
        if of_call.source is not None and of_call.source < len(image_sizes)
    )
    return [area for area in areas if area is not None]


def _area(call: CallRecord, size: ImageSize | None) -> float | None:
    if call.source_box is None or size is None or min(size) <= 0:
        return None
    left, top, right, bottom = call.source_box
    width, height = size
    return (right - left) / width * ((bottom - top) / height)


class _Walk:
    """The images of the conversation so far, each with the source that it shows."""

    def __init__(self, source_images: int) -> None:
        self._source_images = source_images
        self._sources_of_crops: list[int | None] = []

    def over(self, calls: tuple[CallRecord, ...]) -> Iterator[CallImages]:
        """The calls of one turn; they see the images of the turns before, not of each other."""
        before = len(self._sources_of_crops)
        for call in calls:
            if call.crop_size is None:
                yield CallImages()
                continue
            source = self._parent(call.image_index, before) if call.source_box else None
            self._sources_of_crops.append(source)
            crop = self._source_images + len(self._sources_of_crops) - 1
            yield CallImages(crop=crop, source=source)

    def _parent(self, index: int | None, before: int) -> int | None:
        if index is None:  # a tool need not say; one source leaves no doubt
            return 0 if self._source_images == 1 else None
        if 0 <= index < self._source_images:
            return index
        crop = index - self._source_images
        return self._sources_of_crops[crop] if 0 <= crop < before else None

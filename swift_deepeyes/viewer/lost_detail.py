"""How much of what a crop shows was lost in the view that the model had before it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from swift_deepeyes.episode.trajectory import CallRecord
from swift_deepeyes.record.crops import ImageSize, images_of_calls
from swift_deepeyes.record.reader import LogDirectory
from swift_deepeyes.record.record import LoggedTrajectory


def lost_detail(item: LoggedTrajectory, log: LogDirectory, views: Mapping[str, ImageSize]) -> float:
    """Of the first crop of a trajectory, in levels of 255; 0 where it cannot be told.

    The crop is brought to the size that its region has in the model's view (`views`, by the image's
    name), and back: what differs then is what the model could not see before it zoomed.
    """
    for turn, images in zip(item.trajectory.turns, images_of_calls(item.trajectory), strict=True):
        for call, of_call in zip(turn.calls, images, strict=True):
            if of_call.crop is None or of_call.source is None:
                continue
            size = _size_in_view(call, item, of_call.source, views)
            if size is None or of_call.crop >= len(item.images):
                return 0.0
            return _difference(log.image_path(item.images[of_call.crop]), size)
    return 0.0


def _size_in_view(
    call: CallRecord, item: LoggedTrajectory, source: int, views: Mapping[str, ImageSize]
) -> ImageSize | None:
    if call.source_box is None or source >= min(len(item.images), len(item.image_sizes)):
        return None
    view, size = views.get(item.images[source]), item.image_sizes[source]
    if view is None or size is None or min(size) <= 0:
        return None
    left, top, right, bottom = call.source_box
    sides = (right - left) * view[0] / size[0], (bottom - top) * view[1] / size[1]
    if not all(math.isfinite(side) and side >= 1 for side in sides):
        return None
    return round(sides[0]), round(sides[1])


def _difference(file: Path | None, size: ImageSize) -> float:
    if file is None or not file.is_file():
        return 0.0
    try:
        with Image.open(file) as opened:
            crop = opened.convert("L")
    except Exception:  # a broken file is told elsewhere on the page
        return 0.0
    if size[0] >= crop.width or size[1] >= crop.height:
        return 0.0  # the view had as many pixels of it
    seen = crop.resize(size, Image.Resampling.BICUBIC).resize(crop.size)
    return float(ImageStat.Stat(ImageChops.difference(crop, seen)).mean[0])

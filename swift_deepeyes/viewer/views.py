"""At which size the model saw the images of a log.

The engine records it where it made the view. Rollouts that never looked at their image have it from
the others that show the same file, or from files of the same size where those agree; logs of
earlier versions have it from the boxes: a box in pixels of the view and the same box in pixels of
the source differ by the factor between the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from swift_deepeyes.episode.boxes import Frame
from swift_deepeyes.episode.trajectory import CallRecord
from swift_deepeyes.record.crops import ImageSize
from swift_deepeyes.record.record import LoggedTrajectory

Named = Iterator[tuple[str, ImageSize]]


def view_sizes(items: Sequence[LoggedTrajectory]) -> dict[str, ImageSize]:
    """The width and height (pixels) of the model's view, by the image's name in the log."""
    derived = (found for item in items for found in _derived(item))
    recorded = (found for item in items for found in _recorded(item))
    known = {**dict(derived), **dict(recorded)}
    return {**_of_equal_files(items, known), **known}


def _of_equal_files(
    items: Sequence[LoggedTrajectory], known: Mapping[str, ImageSize]
) -> dict[str, ImageSize]:
    """The view sizes of sources that nobody looked at: one run treats equal sizes alike."""
    sources = {
        name: size
        for item in items
        for name, size in zip(
            item.images[: max(item.trajectory.source_images, 0)], item.image_sizes, strict=False
        )
        if name and size is not None
    }
    views: dict[ImageSize, set[ImageSize]] = defaultdict(set)
    for name, size in sources.items():
        if name in known:
            views[size].add(known[name])
    return {
        name: next(iter(views[size])) for name, size in sources.items() if len(views[size]) == 1
    }


def _recorded(item: LoggedTrajectory) -> Named:
    for name, size in zip(item.images, item.trajectory.view_sizes, strict=False):
        if name and size is not None and min(size) > 0:
            yield name, size


def _derived(item: LoggedTrajectory) -> Named:
    for call in item.trajectory.calls:
        index = 0 if call.image_index is None else call.image_index
        if not 0 <= index < item.trajectory.source_images or index >= len(item.images):
            continue
        source = item.image_sizes[index] if index < len(item.image_sizes) else None
        if source is not None and item.images[index] and (size := _of_box(call, source)):
            yield item.images[index], size


def _of_box(call: CallRecord, source: ImageSize) -> ImageSize | None:
    if call.frame != Frame.PIXEL or call.box is None or call.source_box is None:
        return None
    spans = [
        (box[far] - box[near])
        for near, far in ((0, 2), (1, 3))
        for box in (call.box, call.source_box)
    ]
    if min(spans) <= 0:
        return None
    width, height = source[0] * spans[0] / spans[1], source[1] * spans[2] / spans[3]
    return max(1, round(width)), max(1, round(height))

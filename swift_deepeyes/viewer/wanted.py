"""Which copies of a run's images the page needs, the most useful first.

A source is wanted as it is, and as the model saw it, which is mostly smaller: what cannot be seen
there is why a model zooms. Where the model's view is larger than the source's copy would be, one
copy of the view's size serves for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from swift_deepeyes.record.crops import ImageSize
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.viewer.images import ImageKey, ImageKind, WantedImage
from swift_deepeyes.viewer.runs import Run
from swift_deepeyes.viewer.sample import spread_over_steps
from swift_deepeyes.viewer.views import view_sizes

_SAME_SIZE = 0.95
"""A view whose sides are this share of the file's shows what the file shows."""


@dataclass(frozen=True, slots=True)
class CopySides:
    """The largest sides, in pixels, of the copies that are embedded."""

    source: int = 768
    crop: int = 448
    view: int = 1280


@dataclass(frozen=True, slots=True)
class RunImages:
    """The copies that a run's images need; `views`: the size of the model's view, by name."""

    sources: tuple[WantedImage, ...]
    crops: tuple[WantedImage, ...]
    views: Mapping[str, ImageSize]


def images_of_run(run: Run, sides: CopySides) -> RunImages:
    """Sources with their views, and crops, each spread over the steps."""
    views = view_sizes(run.items)
    sources = _by_step(run.items, is_source=True)
    crops = [name for name in _by_step(run.items, is_source=False) if name not in sources]
    return RunImages(
        tuple(
            WantedImage(ImageKey(run.number, name, kind), run.log.image_path(name), side, size)
            for name, logged in sources.items()
            for kind, side, size in _copies(logged, views.get(name), sides)
        ),
        tuple(
            WantedImage(
                ImageKey(run.number, name, ImageKind.FILE),
                run.log.image_path(name),
                sides.crop,
                views.get(name),
            )
            for name in crops
        ),
        views,
    )


Copy = tuple[ImageKind, int, ImageSize | None]


def _copies(source: ImageSize | None, view: ImageSize | None, sides: CopySides) -> Iterator[Copy]:
    """The kinds of copies that a source needs, each with its largest side or its exact size."""
    is_smaller = view is not None and (source is None or _is_smaller(view, source))
    if view is None or not is_smaller or max(view) > sides.view:
        yield ImageKind.FILE, sides.source, None
    elif max(view) > sides.source:
        yield ImageKind.VIEW, sides.view, view
    else:
        yield ImageKind.FILE, sides.source, None
        yield ImageKind.VIEW, sides.view, view


def _is_smaller(view: ImageSize, source: ImageSize) -> bool:
    return view[0] * view[1] < _SAME_SIZE**2 * source[0] * source[1]


def _by_step(items: Sequence[LoggedTrajectory], *, is_source: bool) -> dict[str, ImageSize | None]:
    """The names of sources or of crops, spread over the steps, with their logged sizes."""
    found = dict.fromkeys(
        (item.step, name, size)
        for item in items
        for name, size in _named(item, is_source)
        if name  # an image that the log could not store has the name ""
    )
    spread = spread_over_steps((step, (name, size)) for step, name, size in found)
    sizes: dict[str, ImageSize | None] = {}
    for name, size in spread:
        if sizes.setdefault(name, size) is None:
            sizes[name] = size
    return sizes


def _named(item: LoggedTrajectory, is_source: bool) -> Iterable[tuple[str, ImageSize | None]]:
    count = max(item.trajectory.source_images, 0)
    missing = [None] * (len(item.images) - len(item.image_sizes))
    named = list(zip(item.images, [*item.image_sizes, *missing], strict=False))
    return named[:count] if is_source else named[count:]

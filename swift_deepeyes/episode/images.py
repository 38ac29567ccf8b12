"""The images of one episode: sources, then crops, each with its place in the source.

A crop remembers which region of which source it shows, so a crop of a crop can be cut from the
original, and its box counted in the source's pixels however long the chain is.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from PIL import Image

from swift_deepeyes.episode.boxes import Box, Extent, Frame, Size
from swift_deepeyes.episode.view import (
    CropLimits,
    ImageLoader,
    UnreadableImageError,
    ViewRecipe,
    crop,
    to_png,
)
from swift_deepeyes.episode.view_cache import CachedView, ViewCache, ViewMaker
from swift_deepeyes.settings import CropSource


@dataclass(frozen=True, slots=True)
class Place:
    """Which region (`Frame.SOURCE`) of which source image some pixels show."""

    source_index: int
    region: Box


@dataclass(frozen=True, slots=True)
class ImageView:
    """One image of the conversation as the model saw it. `place` is None if it has no source."""

    view: Image.Image
    extent: Extent
    place: Place | None


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image that a tool made; `place` tells what it shows, None if that is no rectangle."""

    image: Image.Image
    place: Place | None = None

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return Size(*self.image.size)


class ConversationImages:
    """Sources (image strings, opened when first needed) and new images, in `<image>` order."""

    def __init__(
        self,
        sources: Sequence[str],
        *,
        load: ImageLoader,
        recipe: ViewRecipe,
        cache: ViewCache,
        crop_source: CropSource,
        limits: CropLimits,
    ) -> None:
        self.recipe = recipe
        self._sources = tuple(sources)
        self._new: list[NewImage] = []
        self._pngs: list[str] = []
        self._view_sizes: dict[int, Size] = {}
        self._cache = cache
        self._maker = ViewMaker(load, recipe, crop_source is CropSource.ORIGINAL)
        self._limits = limits

    def __len__(self) -> int:
        return len(self._sources) + len(self._new)

    @property
    def source_count(self) -> int:
        """How many of the images are the row's own."""
        return len(self._sources)

    @property
    def strings(self) -> list[str]:
        """All image strings in `<image>` order, as ms-swift wants them."""
        return [*self._sources, *self._pngs]

    @property
    def view_sizes(self) -> tuple[Size | None, ...]:
        """Width and height of each view, in `<image>` order; None: never opened, or no view."""
        return tuple(map(self._view_sizes.get, range(len(self))))

    def show(self, index: int) -> ImageView:
        """The image as the model saw it. Raises IndexError or `UnreadableImageError`."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index >= self.source_count:
            return self._view_of_new(self._new[index - self.source_count])
        cached = self._cached(index)
        size = cached.source_size
        whole = Place(index, Box(0, 0, size.width, size.height, Frame.SOURCE))
        return ImageView(cached.view, Extent(Size(*cached.view.size), size), whole)

    def cut(self, image: ImageView, box: Box) -> NewImage:
        """Cut `box` (whole pixels of `image.view`), from the view or from the original source."""
        place = None if image.place is None else Place(image.place.source_index, _map(box, image))
        source = None
        if place is not None and self._maker.keep_source:
            source = self._cached(place.source_index).source
        if source is None or place is None:
            part = crop(image.view, box, self._limits)
        else:
            part = crop(source, place.region.rounded_out(), self._limits)
        return NewImage(part, place)

    def add(self, new: NewImage) -> str:
        """Append an image to the conversation and encode it, once. Returns the base64 PNG."""
        png = to_png(new.image)
        with suppress(ValueError, AssertionError):  # the model has no view of it
            self._view_sizes[len(self)] = self.recipe.view_size(new.size)
        self._new.append(new)
        self._pngs.append(png)
        return png

    def source_tokens(self) -> int:
        """Prompt tokens of the row's own images. One that cannot be opened was not sent: 0."""
        tokens = 0
        for index in range(self.source_count):
            with suppress(UnreadableImageError):
                tokens += self.recipe.tokens(self._cached(index).source_size)
        return tokens

    def _cached(self, index: int) -> CachedView:
        cached = self._cache.view(self._sources[index], self._maker)
        self._view_sizes[index] = Size(*cached.view.size)
        return cached

    def _view_of_new(self, new: NewImage) -> ImageView:
        try:
            view = self.recipe.view(new.image)
        except (ValueError, AssertionError) as error:
            raise UnreadableImageError(f"the model has no view of the image: {error}") from error
        return ImageView(view, Extent(Size(*view.size), new.size), new.place)


def _map(box: Box, image: ImageView) -> Box:
    """The box of a view, in pixels of the source that the image comes from."""
    assert image.place is not None
    region, view = image.place.region, image.extent.view
    x, y = region.width / view.width, region.height / view.height
    return Box(
        region.left + box.left * x,
        region.top + box.top * y,
        region.left + box.right * x,
        region.top + box.bottom * y,
        Frame.SOURCE,
    )

"""Views, shared by all episodes of a process and bounded in bytes.

The rollouts of one group look at the same image, so it is decoded and resized once, by whoever
comes first, while the others wait for that result.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import blake2b

from PIL import Image

from swift_deepeyes.episode.boxes import Size
from swift_deepeyes.episode.view import ImageLoader, UnreadableImageError, ViewRecipe, decode


@dataclass(frozen=True, slots=True)
class CachedView:
    """The model's view of a source image. `source` is None where nobody will cut from it."""

    view: Image.Image
    source_size: Size
    source: Image.Image | None = None

    @property
    def bytes(self) -> int:
        """Memory of the pixels, about."""
        source = 0 if self.source is None else 3 * self.source.width * self.source.height
        return 3 * self.view.width * self.view.height + source


@dataclass(frozen=True, slots=True)
class ViewMaker:
    """How to make the view of an image string."""

    load: ImageLoader
    recipe: ViewRecipe
    keep_source: bool

    def make(self, image: str) -> CachedView:
        """Decode and resize. Raises `UnreadableImageError`."""
        decoded = decode(image, self.load)
        try:
            view = self.recipe.view(decoded)
        except (ValueError, AssertionError) as error:
            raise UnreadableImageError(f"the model has no view of the image: {error}") from error
        return CachedView(view, Size(*decoded.size), decoded if self.keep_source else None)

    @property
    def key(self) -> str:
        """Equal for makers that give equal views."""
        recipe = self.recipe
        options = sorted(recipe.fetch_options.items())
        return f"{recipe.patch_size} {recipe.rescale_pixels} {recipe.resizes} {options}"


class ViewCache:
    """Views by content, least recently used dropped first. Safe in several threads."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._entries: OrderedDict[tuple[bytes, str, bool], Future[CachedView]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def view(self, image: str, maker: ViewMaker) -> CachedView:
        """The view of an image string. Raises `UnreadableImageError`."""
        digest = blake2b(image.encode("utf-8", "replace"), digest_size=16).digest()
        key = (digest, maker.key, maker.keep_source)
        with self._lock:
            future = self._entries.get(key)
            is_first = future is None
            if future is None:
                future = self._entries[key] = Future()
            self._entries.move_to_end(key)
        if is_first:
            self._fill(key, future, image, maker)
        return future.result()

    def _fill(
        self,
        key: tuple[bytes, str, bool],
        future: Future[CachedView],
        image: str,
        maker: ViewMaker,
    ) -> None:
        """Make the view and tell everyone who waits for it."""
        try:
            cached = maker.make(image)
        except BaseException as error:
            with self._lock:
                del self._entries[key]
            future.set_exception(error)
            return
        future.set_result(cached)
        with self._lock:
            self._bytes += cached.bytes
            self._shrink()

    def _shrink(self) -> None:
        """Drop the oldest finished views until the rest fits; the newest always stays."""
        for key in list(self._entries)[:-1]:
            if self._bytes <= self.max_bytes:
                return
            if self._entries[key].done():
                self._bytes -= self._entries.pop(key).result().bytes

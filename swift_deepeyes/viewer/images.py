"""Images for the page: decoded, scaled down, as data URIs, until the budget is spent.

The files' sizes are kept, so that boxes stay right on a smaller copy. EXIF rotation is dropped and
not applied: the model saw the stored pixels, and its boxes count them.
"""

from __future__ import annotations

import base64
import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from PIL import Image

_QUALITY = 82
_SMALL_FILE_BYTES = 16_384  # below this a file is embedded as it is, if the browser can show it
_MIME_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_LOSSLESS_SIDE = 256  # up to this a view is a PNG: its pixels are looked at one by one
_BATCH = 64  # images encoded beyond the end of the budget, at most


class ImageState(StrEnum):
    """Whether the page can show an image, and if not, why."""

    EMBEDDED = "embedded"
    OVER_BUDGET = "over_budget"
    MISSING = "missing"
    UNREADABLE = "unreadable"


class ImageKind(StrEnum):
    """A copy of the file, or of the file at the size at which the model saw it."""

    FILE = "file"
    VIEW = "view"


class ImageKey(NamedTuple):
    """One copy of the page: of which run's image, and which kind."""

    run: int
    name: str
    kind: ImageKind


@dataclass(frozen=True, slots=True)
class PageImage:
    """One image of the page. The size is that of the file, not of the copy; 0 if unknown."""

    state: ImageState
    width: int = 0
    height: int = 0
    data_uri: str = ""


@dataclass(frozen=True, slots=True)
class WantedImage:
    """An image to embed: its file (None: the log's name is no file name) and its largest side.

    `size`: the exact size in pixels, where the model saw it; it holds where it only makes smaller.
    """

    key: ImageKey
    path: Path | None
    max_side: int
    size: tuple[int, int] | None = None


@dataclass(slots=True)
class PageImages:
    """Makes images and remembers them, so that a served page is rebuilt quickly.

    Image files are named by their content and never change.
    """

    _made: dict[WantedImage, PageImage] = field(default_factory=dict)

    def images(self, wanted: Sequence[WantedImage], budget_bytes: int) -> dict[ImageKey, PageImage]:
        """Images by key. `wanted` comes most important first; the budget is spent in order."""
        images: dict[ImageKey, PageImage] = {}
        spent = 0
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(wanted), _BATCH):
                batch = wanted[start : start + _BATCH]
                make = self._make if spent < budget_bytes else _measure
                for item, made in zip(batch, pool.map(make, batch), strict=True):
                    if spent + len(made.data_uri) > budget_bytes:
                        made = PageImage(ImageState.OVER_BUDGET, made.width, made.height)
                        spent = budget_bytes
                    spent += len(made.data_uri)
                    images[item.key] = made
        return images

    def _make(self, item: WantedImage) -> PageImage:
        made = self._made.get(item)
        if made is None:
            made = _encode(item)
            if made.state is ImageState.EMBEDDED:
                self._made[item] = made
        return made


def count_states(images: Mapping[ImageKey, PageImage]) -> Counter[ImageState]:
    """How many image files are in each state; one with two copies is in that of its worse one."""
    states: dict[tuple[int, str], ImageState] = {}
    for key, made in images.items():
        of_file = states.setdefault((key.run, key.name), made.state)
        if of_file is ImageState.EMBEDDED:
            states[key.run, key.name] = made.state
    return Counter(states.values())


def _measure(wanted: WantedImage) -> PageImage:
    """The image's size without its pixels: for what no longer fits."""
    if wanted.path is None or not wanted.path.is_file():
        return PageImage(ImageState.MISSING)
    try:
        with Image.open(wanted.path) as image:
            return PageImage(ImageState.OVER_BUDGET, image.width, image.height)
    except Exception:  # as in `_encode`
        return PageImage(ImageState.UNREADABLE)


def _encode(wanted: WantedImage) -> PageImage:
    if wanted.path is None or not wanted.path.is_file():
        return PageImage(ImageState.MISSING)
    try:
        return _embedded(wanted.path.read_bytes(), wanted)
    except Exception:
        # Pillow raises many things at a broken file. Each is a fact about the log, which the page
        # shows and counts.
        return PageImage(ImageState.UNREADABLE)


def _embedded(content: bytes, wanted: WantedImage) -> PageImage:
    with Image.open(io.BytesIO(content)) as image:
        size = image.size
        image.load()
        mime = _MIME_TYPES.get(image.format or "")
        copy_size = _copy_size(size, wanted)
        is_small = len(content) <= _SMALL_FILE_BYTES and copy_size == size
        if not (is_small and mime and image.mode == "RGB" and not image.getexif()):
            content, mime = _copy(image, copy_size, is_view=copy_size == wanted.size)
    uri = f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"
    return PageImage(ImageState.EMBEDDED, *size, uri)


def _copy_size(size: tuple[int, int], wanted: WantedImage) -> tuple[int, int]:
    exact = wanted.size
    if exact is not None and exact[0] * exact[1] < size[0] * size[1]:
        size = exact
    scale = min(1.0, wanted.max_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _copy(image: Image.Image, size: tuple[int, int], *, is_view: bool) -> tuple[bytes, str]:
    """The bytes of a copy and their kind; a view is scaled as models' processors do it."""
    copy = image.convert("RGB")
    if copy.size != size and is_view:
        copy = copy.resize(size, Image.Resampling.BICUBIC)
    elif copy.size != size:
        copy = copy.resize(size, Image.Resampling.LANCZOS, reducing_gap=2)
    buffer = io.BytesIO()
    if is_view and max(size) <= _LOSSLESS_SIDE:
        copy.save(buffer, format="PNG", optimize=True)
        return buffer.getvalue(), "image/png"
    copy.save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue(), "image/jpeg"

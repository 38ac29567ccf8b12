"""Images for the page: decoded, scaled down, JPEG, as data URIs, until the budget is spent.

Sizes are kept, so that boxes stay right on a smaller copy. EXIF rotation is dropped and not
applied: the model saw the stored pixels, and its boxes count them.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from PIL import Image

_QUALITY = 82
_SMALL_FILE_BYTES = 16_384  # below this a file is embedded as it is, if the browser can show it
_MIME_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_BATCH = 64  # images encoded beyond the end of the budget, at most


class ImageState(StrEnum):
    """Whether the page can show an image, and if not, why."""

    EMBEDDED = "embedded"
    OVER_BUDGET = "over_budget"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class PageImage:
    """One image of the page. The size is that of the file, not of the copy; 0 if unknown."""

    state: ImageState
    width: int = 0
    height: int = 0
    data_uri: str = ""


@dataclass(frozen=True, slots=True)
class WantedImage:
    """An image to embed: its file (None: the log's name is no file name) and its largest side."""

    name: str
    path: Path | None
    max_side: int


@dataclass(slots=True)
class PageImages:
    """Makes images and remembers them, so that a served page is rebuilt quickly.

    Image files are named by their content and never change, so a name and a side are enough.
    """

    _made: dict[tuple[str, int], PageImage] = field(default_factory=dict)

    def images(self, wanted: Sequence[WantedImage], budget_bytes: int) -> dict[str, PageImage]:
        """Images by name. `wanted` comes most important first; the budget is spent in order."""
        images: dict[str, PageImage] = {}
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
                    images[item.name] = made
        return images

    def _make(self, wanted: WantedImage) -> PageImage:
        key = wanted.name, wanted.max_side
        made = self._made.get(key)
        if made is None:
            made = _encode(wanted)
            if made.state is ImageState.EMBEDDED:
                self._made[key] = made
        return made


def count_states(images: Iterable[PageImage]) -> dict[ImageState, int]:
    """How many images are in each state."""
    counts = dict.fromkeys(ImageState, 0)
    for made in images:
        counts[made.state] += 1
    return counts


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
        return _data_uri(wanted.path.read_bytes(), wanted.max_side)
    except Exception:
        # Pillow raises many things at a broken file. Each is a fact about the log, which the page
        # shows and counts.
        return PageImage(ImageState.UNREADABLE)


def _data_uri(content: bytes, max_side: int) -> PageImage:
    with Image.open(io.BytesIO(content)) as image:
        size = image.size
        image.load()
        mime = _MIME_TYPES.get(image.format or "")
        is_small = len(content) <= _SMALL_FILE_BYTES and max(size) <= max_side
        if not (is_small and mime and image.mode == "RGB" and not image.getexif()):
            content, mime = _jpeg(image, max_side), "image/jpeg"
    uri = f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"
    return PageImage(ImageState.EMBEDDED, *size, uri)


def _jpeg(image: Image.Image, max_side: int) -> bytes:
    copy = image.convert("RGB")
    if max(copy.size) > max_side:
        scale = max_side / max(copy.size)
        size = max(1, round(copy.width * scale)), max(1, round(copy.height * scale))
        copy = copy.resize(size, Image.Resampling.LANCZOS, reducing_gap=2)
    buffer = io.BytesIO()
    copy.save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()

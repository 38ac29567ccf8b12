"""Opening the images of a benchmark: files, and what is embedded in its rows."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from swift_deepeyes.episode.view import UnreadableImageError

MAX_PIXELS = 2**30
"""MME-RealWorld has aerial photographs beyond Pillow's own limit against decompression bombs."""

_limit_lock = threading.Lock()


def open_image(path: str) -> Image.Image:
    """Open an image file; its pixels are read later. Raises `UnreadableImageError`."""
    return _open(Path(path), path)


def open_embedded(content: bytes) -> Image.Image:
    """Open an encoded image; its pixels are read later. Raises `UnreadableImageError`."""
    return _open(io.BytesIO(content), f"{len(content)} bytes")


def _open(source: Path | io.BytesIO, what: str) -> Image.Image:
    try:
        with _larger_limit():
            return Image.open(source)
    except Exception as error:  # any complaint of a decoder is a fact about the data
        raise UnreadableImageError(f"{what}: {type(error).__name__}") from error


@contextmanager
def _larger_limit() -> Iterator[None]:
    """Pillow's limit is a variable of its module, read at opening: it is ours that long only."""
    with _limit_lock:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, MAX_PIXELS // 2
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before

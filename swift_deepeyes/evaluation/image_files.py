"""Opening the images of a benchmark: files, and what is embedded in its rows."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from swift_deepeyes.episode.view import UnreadableImageError


def open_image(path: str) -> Image.Image:
    """Open an image file; its pixels are read later. Raises `UnreadableImageError`."""
    return _open(Path(path), path)


def open_embedded(content: bytes) -> Image.Image:
    """Open an encoded image; its pixels are read later. Raises `UnreadableImageError`."""
    return _open(io.BytesIO(content), f"{len(content)} bytes")


def _open(source: Path | io.BytesIO, what: str) -> Image.Image:
    # MME-RealWorld has aerial photographs beyond Pillow's limit against decompression bombs; the
    # files are the user's own.
    Image.MAX_IMAGE_PIXELS = None
    try:
        return Image.open(source)
    except Exception as error:  # any complaint of a decoder is a fact about the data
        raise UnreadableImageError(f"{what}: {type(error).__name__}") from error

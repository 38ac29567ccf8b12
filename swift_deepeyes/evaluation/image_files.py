"""Opening the image files of a benchmark."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from swift_deepeyes.core.image_check import BROKEN
from swift_deepeyes.core.pixels import UnreadableImage


def open_image(path: str) -> Image.Image:
    """Open an image file; its pixels are read later. Raises `UnreadableImage`."""
    # MME-RealWorld has aerial photographs beyond Pillow's limit against decompression bombs; the
    # files are the user's own.
    Image.MAX_IMAGE_PIXELS = None
    try:
        return Image.open(Path(path))
    except BROKEN as error:
        raise UnreadableImage(f"{path}: {type(error).__name__}") from error

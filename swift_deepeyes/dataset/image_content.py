"""An image as ms-swift passes it around, as bytes: for its size, its name and its file.

ms-swift's images are base64 strings, data URIs, paths, or dicts of `bytes` and `path`; all are
untrusted and some are large. Nothing here decodes pixels, and nothing raises: what is not an image
within reach (a URL, a missing file) is None.
"""

from __future__ import annotations

import io
from hashlib import sha256

from PIL import Image

from swift_deepeyes.dataset.images import BadImageError, as_entry, decode_base64, read_image

_HEADER_CHARACTERS = 16_384  # a multiple of 4; holds the header of any usual image
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}
_NAME_CHARACTERS = 32

Header = tuple[str, tuple[int, int]]
"""What the first bytes tell: format and size."""


def image_bytes(image: object) -> bytes | None:
    """The file's content."""
    try:
        return read_image(as_entry(image))
    except BadImageError:
        return None


def image_size(image: object) -> tuple[int, int] | None:
    """Width and height in pixels, from the header where that is enough."""
    header = None
    if isinstance(image, str) and len(image) > _HEADER_CHARACTERS:  # no path is so long
        start = image.partition(",")[2] if image.startswith("data:") else image
        header = read_header(decode_base64(start[:_HEADER_CHARACTERS]) or b"")
    header = header or read_header(image_bytes(image) or b"")
    return header[1] if header is not None else None


def image_name(content: bytes) -> str | None:
    """The name under which this content is stored; None for what is no image."""
    header = read_header(content)
    if header is None:
        return None
    return sha256(content).hexdigest()[:_NAME_CHARACTERS] + _SUFFIXES.get(header[0], ".img")


def read_header(content: bytes) -> Header | None:
    """Format and size; None where these bytes do not begin an image."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.format or "", image.size
    # Pillow's parsers raise many things at hostile bytes; all of them mean the same here.
    except Exception:
        return None

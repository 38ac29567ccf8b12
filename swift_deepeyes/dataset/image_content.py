"""An image as ms-swift passes it around, as bytes: for its size, its name and its file.

ms-swift's images are base64 strings, data URIs, paths, or dicts of `bytes` and `path`; all are
untrusted and some are large. Nothing here decodes pixels, and nothing raises: what is not an image
within reach (a URL, a missing file) is None.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from PIL import Image

_HEADER_CHARACTERS = 16_384  # a multiple of 4; holds the header of any usual image
_PATH_CHARACTERS = 1024
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}
_NAME_CHARACTERS = 32

Header = tuple[str, tuple[int, int]]
"""What the first bytes tell: format and size."""


def image_bytes(image: object) -> bytes | None:
    """The file's content."""
    if isinstance(image, Mapping):
        content = image.get("bytes")
        return content if isinstance(content, bytes) else image_bytes(image.get("path"))
    if not isinstance(image, str):
        return None
    file = _file(image)
    if file is not None:
        try:
            return file.read_bytes()
        except OSError:
            return None
    return _decoded(_base64_part(image))


def image_size(image: object) -> tuple[int, int] | None:
    """Width and height in pixels, from the header where that is enough."""
    if isinstance(image, str) and _file(image) is None:
        header = read_header(_decoded(_base64_part(image)[:_HEADER_CHARACTERS]) or b"")
        if header is not None:
            return header[1]
    header = read_header(image_bytes(image) or b"")
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


def _file(image: str) -> Path | None:
    """The file that a string names, if it names one."""
    if len(image) > _PATH_CHARACTERS or image.startswith("data:"):
        return None
    try:
        path = Path(image)
        return path if path.is_file() else None
    except (OSError, ValueError):
        return None


def _base64_part(image: str) -> str:
    return image.partition(",")[2] if image.startswith("data:") else image


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return None

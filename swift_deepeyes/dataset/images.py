"""One image on its way in: whether it is readable, and whether it is large enough for a model.

Only Pillow is used here, in the steps of the trainer's loader (ms-swift's `load_image`, then
qwen-vl-utils' `fetch_image`), so what passes here opens there. A good image is passed on byte for
byte; a broken one is named while its row is still known, because later (in the rollout, or in the
trainer's encoding) it stops the run.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

MIN_SIDE = 32
"""Pixels. The grid is 28 for Qwen2-VL and Qwen2.5-VL and 32 for Qwen3-VL and later. One value for
all, so that the data do not depend on the model: a side of 28 to 31 that is enlarged to 32 is still
one cell of 28."""

MAX_ASPECT_RATIO = 200
"""qwen-vl-utils raises above this, in the middle of a batch."""

REMOTE = ("http://", "https://")
DATA_URI = "data:"
# ms-swift's own: what it does not match, it raises.
_DATA_URI = re.compile(r"data:(.+?);base64,(.+)")
_LONGEST_PATH = 2000  # ms-swift's: a longer text is base64

_QUOTED_CHARACTERS = 200


class ImageFault(StrEnum):
    """What makes an image unusable."""

    MISSING = "missing image"
    UNREADABLE = "unreadable image"
    THIN = "image too long and narrow"


class BadImageError(ValueError):
    """An image that cannot be trained on; the message is the reason."""

    def __init__(self, reason: str, fault: ImageFault = ImageFault.UNREADABLE) -> None:
        super().__init__(reason)
        self.fault = fault


Entry = dict[str, Any]
"""An image in a row: `bytes` and `path`, one of them None."""

Fetch = Callable[[str], bytes]
"""Brings what an address holds. Raises `BadImageError`."""


def as_entry(image: object) -> Entry:
    """An image however a file writes it: such a dict, bytes, or a path, address or base64 text."""
    if isinstance(image, str):
        return {"bytes": None, "path": image}
    if isinstance(image, bytes):
        return {"bytes": image, "path": None}
    if isinstance(image, Mapping):
        content, path = image.get("bytes"), image.get("path") or image.get("url")
        if not isinstance(content, bytes | None):
            return as_entry(content)
        return {"bytes": content, "path": path}
    kind = type(image).__name__
    raise BadImageError(f"an image must be bytes, a path or base64, not {kind}", ImageFault.MISSING)


def checked_image(entry: Entry, fetch: Fetch | None = None) -> Entry:
    """The same entry, or a new one: an address as its content, a small image as an enlarged PNG.

    Without `fetch` an address is passed on as it is. Raises `BadImageError`.
    """
    content = read_image(entry, fetch)
    if content is None:
        return entry
    image, _ = decoded(content)
    check_shape(image.size)
    if min(image.size) >= MIN_SIDE:
        return {"bytes": content, "path": None} if is_remote(entry) else entry
    buffer = BytesIO()
    size = enlarged_size(image.size, MIN_SIDE)
    image.resize(size, Image.Resampling.BICUBIC).save(buffer, format="PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def enlarged_size(size: tuple[int, int], min_side: int) -> tuple[int, int]:
    """The size in the same shape whose short side is `min_side`."""
    scale = min_side / min(size)
    return max(min_side, round(size[0] * scale)), max(min_side, round(size[1] * scale))


def is_thin(size: tuple[int, int]) -> bool:
    """Whether no model encodes an image of this shape."""
    return max(size) > MAX_ASPECT_RATIO * min(size)


def check_shape(size: tuple[int, int]) -> None:
    """Raise `BadImageError` where `fetch_image` would raise for an image of this size."""
    long_side, short_side = max(size), min(size)
    shape = f"{size[0]}x{size[1]} pixels: "
    if is_thin(size):
        reason = f"{shape}an aspect ratio over {MAX_ASPECT_RATIO} cannot be encoded"
        raise BadImageError(reason, ImageFault.THIN)
    # Reduced to MAX_PIXELS, the short side is rounded down to whole cells: none may be left.
    limit = os.environ.get("MAX_PIXELS", "")
    if limit.isdecimal() and 0 < int(limit) * short_side < MIN_SIDE**2 * long_side:
        reason = f"{shape}at MAX_PIXELS={limit} not one row of cells is left of it"
        raise BadImageError(reason, ImageFault.THIN)


def is_remote(entry: Entry) -> bool:
    """Whether the image is known by its address only."""
    return not entry["bytes"] and str(entry["path"] or "").strip().startswith(REMOTE)


def read_image(entry: Entry, fetch: Fetch | None = None) -> bytes | None:
    """The encoded image; None for an address without `fetch`. Raises `BadImageError`."""
    content, path = entry["bytes"], entry["path"]
    if content:
        return bytes(content)
    if not isinstance(path, str) or not path:
        reason = "empty bytes" if content is not None else "neither bytes nor a path"
        raise BadImageError(reason, ImageFault.MISSING)
    path = path.strip()
    if path.startswith(REMOTE):
        return fetch(path) if fetch else None
    content = _read_text(path)
    if not content:
        raise BadImageError("empty file", ImageFault.MISSING)
    return content


def _read_text(text: str) -> bytes:
    """The image that a text names or holds."""
    file = _find_file(text)
    if file is not None:
        try:
            return file.read_bytes()
        except OSError as error:
            raise BadImageError(f"{error.strerror}: {_quoted(text)}", ImageFault.MISSING) from error
    content = decode_base64(text)
    if content is None:
        raise BadImageError(f"no such file: {_quoted(text)}", ImageFault.MISSING)
    return content


def _quoted(text: str) -> str:
    return repr(text[:_QUOTED_CHARACTERS])


def _find_file(path: str) -> Path | None:
    """Where ms-swift looks: relative to the working directory, then to `ROOT_IMAGE_DIR`."""
    if len(path) > _LONGEST_PATH or path.startswith(DATA_URI):
        return None  # base64
    for root in ("", os.environ.get("ROOT_IMAGE_DIR", "")):
        file = os.path.expanduser(os.path.join(root, path))
        if os.path.isfile(file):  # unlike `Path.is_file`, False for a name that is too long
            return Path(file)
    return None


def decode_base64(text: str) -> bytes | None:
    """A data URI or bare base64, as ms-swift decodes it; None for other characters: a path."""
    if text.startswith(DATA_URI):
        match = _DATA_URI.match(text)
        if match is None:
            return None
        text = match[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def decoded(content: bytes) -> tuple[Image.Image, str]:
    """All pixels as RGB, and the file's format. Raises `BadImageError`.

    The steps of the trainer's loader: opened from bytes, converted where it is not RGB, loaded;
    no rotation by EXIF. An image of more pixels than Pillow's limit against decompression bombs
    (179 million) is refused here as there. Of a PNG the checksums are looked at too: Pillow opens
    some that were cut.
    """
    try:
        with Image.open(BytesIO(content)) as image:
            if image.format == "PNG":
                image.verify()
        with Image.open(BytesIO(content)) as image:
            kind = image.format or ""
            if image.mode != "RGB":
                return image.convert("RGB"), kind
            image.load()
            return image, kind
    except UnidentifiedImageError as error:  # its own message holds an address in memory
        raise BadImageError(f"unreadable image of {len(content)} bytes: no known format") from error
    # Pillow's decoders leak whatever their insides raise at broken files; all mean the same here.
    except Exception as error:
        what = f"{type(error).__name__}: {error}".splitlines()[0][:_QUOTED_CHARACTERS]
        raise BadImageError(f"unreadable image of {len(content)} bytes: {what}") from error

"""Images: the view that the model saw, crops, PNG. No coordinates are decided here (see `boxes`).

The model never sees the dataset's image but what `fetch_image` made of it, and its boxes count
pixels of that view. `ViewRecipe` repeats the exact steps that ms-swift's template takes, so a crop
is the region that the model meant, in the pixels that it looked at.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from swift_deepeyes.episode.boxes import Box, Size

ImageLoader = Callable[[str], Image.Image]
"""Opens what ms-swift calls an image string: base64, a data URI, a path or a URL."""


class UnreadableImageError(ValueError):
    """An image string that cannot be opened; carries the reason, never the data."""


@dataclass(frozen=True, slots=True)
class ViewRecipe:
    """How a model family turns an image into the view that it sees.

    `patch_size`: 14 (Qwen2-VL, Qwen2.5-VL) or 16 (Qwen3-VL and later), in pixels.
    `rescale_pixels`: ms-swift's `--max_pixels`, applied before `fetch_image`; None: not set.
    `fetch_options`: the row's `chat_template_kwargs`, e.g. `{"max_pixels": 401408}`.
    `resizes`: False for families without `fetch_image`; their boxes are relative anyway.
    """

    patch_size: int = 14
    rescale_pixels: int | None = None
    fetch_options: Mapping[str, Any] = field(default_factory=dict)
    resizes: bool = True

    def __post_init__(self) -> None:
        # What is None is absent: Arrow fills in the options that other rows of a file have.
        given = {name: value for name, value in self.fetch_options.items() if value is not None}
        object.__setattr__(self, "fetch_options", given)

    @property
    def factor(self) -> int:
        """Side of one image token in pixels of the view (patches are merged two by two)."""
        return 2 * self.patch_size

    def view(self, image: Image.Image) -> Image.Image:
        """What the model sees of an RGB image. Raises ValueError if there is none."""
        rescaled = self._rescaled(Size(*image.size))
        if rescaled != image.size:
            # What ms-swift's `rescale_image` does: torchvision's `Resize` on a PIL image is PIL's
            # own bilinear resize. A test compares the pixels.
            image = image.resize(rescaled, Image.Resampling.BILINEAR)
        if not self.resizes:
            return image
        # Imported late: it brings in torch, which the plugin must not load at start.
        from qwen_vl_utils import fetch_image

        element = {"image": image, **self.fetch_options}
        view: Image.Image = fetch_image(element, image_patch_size=self.patch_size)
        return view

    def view_size(self, size: Size) -> Size:
        """The size of `view` for an image of this size, without making it. Raises ValueError."""
        rescaled = self._rescaled(size)
        if not self.resizes:
            return rescaled
        from qwen_vl_utils import vision_process

        options = self.fetch_options
        if "resized_height" in options and "resized_width" in options:
            wanted = options["resized_height"], options["resized_width"]
            height, width = vision_process.smart_resize(*wanted, factor=self.factor)
            return Size(width, height)
        token_pixels = self.factor**2
        height, width = vision_process.smart_resize(
            rescaled.height,
            rescaled.width,
            factor=self.factor,
            min_pixels=options.get("min_pixels", vision_process.IMAGE_MIN_TOKEN_NUM * token_pixels),
            max_pixels=options.get("max_pixels", vision_process.IMAGE_MAX_TOKEN_NUM * token_pixels),
        )
        return Size(width, height)

    @property
    def min_pixels(self) -> int:
        """The least pixels that the model's processor shows; it enlarges what is smaller."""
        if not self.resizes:
            return 0
        from qwen_vl_utils import vision_process

        least = vision_process.IMAGE_MIN_TOKEN_NUM * self.factor**2
        return int(self.fetch_options.get("min_pixels", least))

    @property
    def max_pixels(self) -> int | None:
        """The most pixels of a view; None: no limit is known here."""
        if not self.resizes:
            return self.rescale_pixels
        from qwen_vl_utils import vision_process

        most = vision_process.IMAGE_MAX_TOKEN_NUM * self.factor**2
        most = int(self.fetch_options.get("max_pixels", most))
        return min(most, self.rescale_pixels) if self.rescale_pixels else most

    def tokens(self, size: Size) -> int:
        """Prompt tokens of an image of this size: its grid and the two marks around it."""
        view = self.view_size(size)
        return (view.width // self.factor) * (view.height // self.factor) + 2

    def _rescaled(self, size: Size) -> Size:
        """The size after ms-swift's `rescale_image` (swift/template/vision_utils.py)."""
        limit = self.rescale_pixels
        if limit is None or limit <= 0 or size.width * size.height <= limit:
            return size
        ratio = size.width / size.height
        height = (limit / ratio) ** 0.5
        return Size(int(height * ratio), int(height))


def decode(image: str, load: ImageLoader) -> Image.Image:
    """Open an image string, read all of its pixels, as RGB. Raises `UnreadableImageError`."""
    try:
        opened = load(image)
        opened.load()
        return opened if opened.mode == "RGB" else opened.convert("RGB")
    except Exception as error:
        # Any library's complaint about a broken file ends here: it is a fact about the data, and
        # some of these messages contain the whole base64 string.
        raise UnreadableImageError(f"{type(error).__name__} while opening the image") from error


@dataclass(frozen=True, slots=True)
class CropLimits:
    """How large a returned crop may be, in pixels; `max_scale` bounds its enlargement, per side."""

    min_pixels: int
    max_pixels: int
    max_scale: float

    def fit(self, size: Size) -> Size:
        """The size that a crop of this size is brought to; the aspect ratio is kept."""
        area = size.width * size.height
        if self.min_pixels <= area <= self.max_pixels:
            return size
        if area > self.max_pixels:
            scale = (self.max_pixels / area) ** 0.5
            return Size(max(1, int(size.width * scale)), max(1, int(size.height * scale)))
        scale = min((self.min_pixels / area) ** 0.5, self.max_scale)
        return Size(math.ceil(size.width * scale), math.ceil(size.height * scale))


def crop(image: Image.Image, box: Box, limits: CropLimits) -> Image.Image:
    """Cut whole pixels out of `image` (`box` counts its pixels) and bring them within limits."""
    corners = (int(box.left), int(box.top), int(box.right), int(box.bottom))
    size = limits.fit(Size(corners[2] - corners[0], corners[3] - corners[1]))
    try:
        part = image.crop(corners)
    except Image.DecompressionBombError:  # more pixels than Pillow copies
        return image.resize(size, Image.Resampling.BICUBIC, box=corners)
    return part if size == part.size else part.resize(size, Image.Resampling.BICUBIC)


def to_png(image: Image.Image) -> str:
    """A base64 PNG: lossless, and the only form that all of ms-swift's modes carry.

    Compression level 1: level 6 takes several times as long for a tenth of the size.
    """
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode("ascii")

"""The scheduler's view of an image is the model's: against ms-swift's own template, per family."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image
from swift.template.template_inputs import StdTemplateInputs
from swift.template.vision_utils import load_image, rescale_image

from swift_deepeyes.demo.families import FAMILIES, PATCH, family_template
from swift_deepeyes.episode.boxes import Frame, Size
from swift_deepeyes.episode.view import UnreadableImageError, ViewRecipe, decode, to_png
from swift_deepeyes.ms_swift.template import box_frame, view_recipe
from swift_deepeyes.settings import BoxFormat


@dataclass(frozen=True)
class Setting:
    name: str
    variables: dict[str, str]
    max_pixels: int | None = None
    row: dict[str, Any] | None = None


SETTINGS = [
    Setting("unset", {}),
    Setting("MAX_PIXELS", {"MAX_PIXELS": "602112"}),
    Setting("MIN_PIXELS", {"MIN_PIXELS": "802816"}),
    Setting("IMAGE_MAX_TOKEN_NUM", {"IMAGE_MAX_TOKEN_NUM": "512"}),
    Setting("--max_pixels", {}, max_pixels=602112),
    Setting("both", {"MAX_PIXELS": "401408"}, max_pixels=602112),
    Setting("row", {"MAX_PIXELS": "602112"}, row={"max_pixels": 200704}),
    Setting("row_size", {}, row={"resized_height": 280, "resized_width": 420}),
]
ROWS_HAVE_OPTIONS = "chat_template_kwargs" in StdTemplateInputs.__dataclass_fields__  # since 4.3
SIZES = [(1920, 1080), (333, 777), (64, 40), (2100, 30)]


def shown_by_template(template: Any, image: Image.Image, row: dict[str, Any]) -> Any:
    """The grid and the pixels that ms-swift's own encoding of a row arrives at."""
    messages = [{"role": "user", "content": "<image>?"}, {"role": "assistant", "content": "."}]
    options = {"chat_template_kwargs": row} if ROWS_HAVE_OPTIONS else {}
    encoded = template.encode({"messages": messages, "images": [image.copy()], **options})
    inputs = StdTemplateInputs(messages=messages, images=[image.copy()], **deepcopy(options))
    template._preprocess_inputs(inputs)
    template.replace_tag("image", 0, inputs)
    return encoded["image_grid_thw"][0].tolist(), inputs.images[0]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
@pytest.mark.parametrize("family", FAMILIES)
def test_view_is_what_the_template_encodes(
    family: str, setting: Setting, pixel_settings: Any
) -> None:
    if setting.row and not ROWS_HAVE_OPTIONS:
        pytest.skip("no options of a row's own in this ms-swift")
    pixel_settings(setting.variables)
    template = family_template(family, setting.max_pixels)
    row = setting.row or {}
    recipe = view_recipe(template, row)
    for size in SIZES:
        noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        image = Image.fromarray(noise)
        grid, template_view = shown_by_template(template, image, row)
        view = recipe.view(image)
        assert view.size == (grid[2] * PATCH[family], grid[1] * PATCH[family])
        assert view.tobytes() == template_view.tobytes()
        assert recipe.view_size(Size(*size)) == view.size
        assert recipe.tokens(Size(*size)) == grid[1] * grid[2] // 4 + 2


def test_frames_are_the_templates_word() -> None:
    for family in FAMILIES:
        frame = Frame.PIXEL if family == "qwen2_5_vl" else Frame.NORM1000
        assert box_frame(family_template(family), BoxFormat.AUTO) is frame
    template = family_template("qwen3_vl")
    assert box_frame(template, BoxFormat.PIXEL) is Frame.PIXEL


@pytest.mark.parametrize("mode", ["P", "L", "LA", "RGBA", "CMYK", "I;16", "1"])
def test_every_image_mode_gives_ms_swifts_pixels(mode: str) -> None:
    image = Image.effect_mandelbrot((90, 60), (-2, -1.5, 1, 1.5), 50).convert("L")
    image = image.convert("RGB").convert(mode) if mode != "I;16" else image.convert("I;16")
    if mode == "CMYK":
        image = image.convert("RGB")  # PNG has no CMYK; the JPEG case is in test_data
    png = to_png(image)
    assert decode(png, load_image).tobytes() == load_image(png).tobytes()


def test_exif_rotation_is_ignored_as_ms_swift_ignores_it(tmp_path: Any) -> None:
    image = Image.new("RGB", (80, 40), "red")
    exif = image.getexif()
    exif[0x0112] = 6  # rotate by 90 degrees
    image.save(tmp_path / "rotated.jpg", exif=exif)
    assert decode(str(tmp_path / "rotated.jpg"), load_image).size == (80, 40)


@pytest.mark.parametrize("bad", ["", "####", "/no/such/file.png", "aGVsbG8=", "data:image/png;x"])
def test_unreadable_images_have_one_error(bad: str) -> None:
    with pytest.raises(UnreadableImageError):
        decode(bad, load_image)


@pytest.mark.parametrize("limit", [1000, 602112, 5_000_000])
def test_rescaling_is_ms_swifts(limit: int) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (611, 977, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    recipe = ViewRecipe(rescale_pixels=limit, resizes=False)
    assert recipe.view(image).tobytes() == rescale_image(image, limit).tobytes()

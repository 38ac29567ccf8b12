"""The whole chain: a known object, the box that a model would write, and the pixels of the crop."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from PIL import Image, ImageDraw
from swift.template.vision_utils import load_image

from swift_deepeyes.demo.families import FAMILIES, family_template
from swift_deepeyes.episode.boxes import Box, Extent, Frame
from swift_deepeyes.episode.images import ConversationImages, NewImage
from swift_deepeyes.episode.start import box_rules
from swift_deepeyes.episode.tool import ToolContext
from swift_deepeyes.episode.view import CropLimits, to_png
from swift_deepeyes.episode.view_cache import ViewCache
from swift_deepeyes.ms_swift.template import box_frame, view_recipe
from swift_deepeyes.settings import BoxFormat, CropSource, Settings
from swift_deepeyes.tools.zoom import ZoomTool

RULES = box_rules(Settings(judge="rule"))
OBJECT, NEIGHBOURS = (220, 40, 40), ((40, 60, 220), (30, 200, 60), (240, 220, 60), (200, 60, 220))
SETTINGS: list[tuple[dict[str, str], int | None]] = [
    ({}, None),
    ({"MAX_PIXELS": "602112"}, None),
    ({"IMAGE_MAX_TOKEN_NUM": "384"}, None),
    ({}, 401408),
]


def draw_scene(rng: random.Random) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """An object that fills a rectangle, and a neighbour of another colour on each side of it."""
    width, height = rng.randint(600, 2600), rng.randint(600, 1800)
    left, top = rng.randint(width // 8, width // 2), rng.randint(height // 8, height // 2)
    right = min(width - 60, left + rng.randint(width // 5, width // 3))
    bottom = min(height - 60, top + rng.randint(height // 5, height // 3))
    image = Image.new("RGB", (width, height), NEIGHBOURS[0])
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, left - 1, height), NEIGHBOURS[1])
    pen.rectangle((right, 0, width, height), NEIGHBOURS[2])
    pen.rectangle((left, bottom, right - 1, height), NEIGHBOURS[3])
    pen.rectangle((left, top, right - 1, bottom - 1), OBJECT)
    return image, (left, top, right, bottom)


def written_box(rect: tuple[int, int, int, int], frame: Frame, extent: Extent) -> list[int]:
    """What a perfect model writes: the object in its own frame, as whole numbers."""
    box = Box(*rect, Frame.SOURCE).to(frame, extent)
    return [round(number) for number in box.corners]


def object_color(pixel: Any) -> bool:
    return all(abs(a - b) <= 3 for a, b in zip(pixel, OBJECT, strict=True))


def check_crop(
    crop: NewImage, rect: tuple[int, int, int, int], extent: Extent, unit: float
) -> None:
    """The crop shows the object and nothing else, but for `unit` source pixels at each side."""
    assert crop.place is not None
    for ours, true in zip(crop.place.region.corners, rect, strict=True):
        assert abs(ours - true) <= unit + 1e-3
    # Resampling mixes a pixel with its neighbours within the filter's reach (3 pixels of the view).
    x = crop.image.width / crop.place.region.width
    y = crop.image.height / crop.place.region.height
    blur = 3 * max(extent.source.width / extent.view.width, 1)
    inset_x, inset_y = math.ceil((unit + blur) * x), math.ceil((unit + blur) * y)
    inner = crop.image.crop(
        (inset_x, inset_y, crop.image.width - inset_x, crop.image.height - inset_y)
    )
    assert inner.width > 5 and inner.height > 5
    assert all(object_color(color) for _, color in inner.getcolors(1 << 20) or [(0, (0, 0, 0))])


@pytest.mark.parametrize("crop_source", list(CropSource))
@pytest.mark.parametrize("setting", SETTINGS, ids=["unset", "MAX_PIXELS", "TOKENS", "--max_pixels"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_crop_of_an_object_shows_the_object(
    family: str, setting: Any, crop_source: CropSource, pixel_settings: Any
) -> None:
    variables, max_pixels = setting
    pixel_settings(variables)
    template = family_template(family, max_pixels)
    recipe = view_recipe(template, None)
    frame = box_frame(template, BoxFormat.AUTO)
    rng = random.Random(f"{family} {variables} {max_pixels}")
    for _ in range(4):
        image, rect = draw_scene(rng)
        images = ConversationImages(
            [to_png(image)], load=load_image, recipe=recipe, cache=ViewCache(2**30),
            crop_source=crop_source, limits=CropLimits(0, 10**8, 1),
        )  # fmt: skip
        context = ToolContext(images, frame, RULES)
        extent = context.show(0).extent
        written = written_box(rect, frame, extent)
        arguments = ZoomTool.arguments.model_validate({"bbox_2d": written})
        crop = ZoomTool().run(arguments, context).image
        assert crop is not None
        view, source = extent.view, extent.source
        pixel = max(source.width / view.width, source.height / view.height, 1)
        thousandth = max(source) / 1000 if frame is Frame.NORM1000 else 0
        # Half a unit by the model's own rounding, up to one pixel of the view by rounding outwards.
        check_crop(crop, rect, extent, thousandth / 2 + pixel * 1.5)
        if crop_source is CropSource.ORIGINAL:
            assert crop.size[0] >= rect[2] - rect[0] - 2 * (thousandth + pixel)
            region = crop.place.region.rounded_out()
            assert (
                crop.image.tobytes()
                == image.crop(
                    (int(region.left), int(region.top), int(region.right), int(region.bottom))
                ).tobytes()
            )


def test_a_crop_of_a_crop_is_cut_from_the_original() -> None:
    """Zooming twice shows detail that the view of the first crop had lost."""
    image = Image.new("RGB", (4000, 3000), "white")
    ImageDraw.Draw(image).rectangle((3000, 2250, 3199, 2399), OBJECT)
    template = family_template("qwen2_5_vl")
    recipe = view_recipe(template, {"max_pixels": 400 * 300})
    images = ConversationImages(
        [to_png(image)], load=load_image, recipe=recipe, cache=ViewCache(2**30),
        crop_source=CropSource.ORIGINAL, limits=CropLimits(0, 10**8, 1),
    )  # fmt: skip
    context, tool = ToolContext(images, Frame.NORM1000, RULES), ZoomTool()
    first = tool.run(tool.arguments(bbox_2d=[500, 500, 1000, 1000]), context).image
    assert first is not None
    images.add(first)
    second = tool.run(tool.arguments(bbox_2d=[500, 500, 650, 650], img_idx=1), context).image
    assert second is not None and second.place is not None
    assert second.place.region.corners == pytest.approx((3000, 2250, 3300, 2475), abs=8)
    # 300 pixels of the original; the view of the first crop had 392 pixels for 2000 of them.
    assert second.image.width >= 290
    assert object_color(second.image.getpixel((100, 75)))
    assert second.image.getpixel((250, 200)) == (255, 255, 255)

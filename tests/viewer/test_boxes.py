"""Boxes and crops in a real browser: on the right pixels, and honest where a file is missing."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.viewer.log_maker import make_item, store_image, write_lines
from tests.viewer.page_driver import show, text_of
from tests.viewer.rollouts import make_episode, make_starter, png

# The box's corners on the screen, without the width of its line; then it is out of the picture.
OUTLINE = """
  const box = document.querySelector('.box .outline');
  const shape = box.getBBox(), place = box.getScreenCTM();
  const corners = [[shape.x, shape.y], [shape.x + shape.width, shape.y + shape.height]];
  document.querySelectorAll('.box').forEach((each) => { each.style.visibility = 'hidden'; });
  return corners.flatMap(([x, y]) => {
    const point = new DOMPoint(x, y).matrixTransform(place);
    return [point.x, point.y];
  });
"""


@pytest.fixture(scope="module")
def red_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A white image larger than its copy, with a red rectangle that the model asks for exactly."""
    path = tmp_path_factory.mktemp("red")
    image = Image.new("RGB", (1600, 1000), "white")
    ImageDraw.Draw(image).rectangle((400, 300, 1199, 699), fill=(255, 0, 0))
    episode = make_episode(png_string(image), make_starter())
    # The view is 1600x1000 scaled to 602,112 pixels at most: 981x613.
    x, y = 981 / 1600, 613 / 1000
    box = [400 * x, 300 * y, 1200 * x, 700 * y]
    body = f'{{"name": "image_zoom_in_tool", "arguments": {{"bbox_2d": {box}}}}}'
    episode.advance(f"<tool_call>{body}</tool_call>", tokens=9, truncated=False)
    episode.advance("<answer>red</answer>", tokens=9, truncated=False)
    name = store_image(path, png(image))
    item = make_item(0, images=(name, "gone.png"), trajectory=episode.record)
    write_lines(path, [item])
    return path


def test_boxes_lie_on_the_pixels_that_were_cut(browser: Chrome, red_log: Path) -> None:
    show(browser, red_log, "item-0")
    wait_for_images(browser)
    area, drawn = place_of(browser, ".view .boxed-image img"), browser.execute_script(OUTLINE)
    source = [drawn[0] - area[0], drawn[1] - area[1], drawn[2] - area[0], drawn[3] - area[1]]
    scale = [1600 / area[2], 1000 / area[3]] * 2
    # The view rounds to whole pixels, each 1.6 of the source.
    assert [side * by for side, by in zip(source, scale, strict=True)] == pytest.approx(
        [400, 300, 1200, 700], abs=2
    )
    assert red_extent(browser) == pytest.approx(drawn, abs=1.5)


def test_a_crop_without_a_file_is_cut_from_the_source(browser: Chrome, red_log: Path) -> None:
    show(browser, red_log, "item-0")
    wait_for_images(browser)
    remark = text_of(browser, ".crop .remark")
    assert "cut from the copy of the source" in remark and "missing" in remark
    x, y, width, height = place_of(browser, ".recut")
    picture = np.asarray(Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB"))
    middle = picture[int(y + height / 2), int(x + width / 2)]
    corner = picture[int(y + height - 6), int(x + width - 6)]
    assert is_red(middle) and is_red(corner)


def test_a_missing_source_says_so_and_keeps_its_boxes(browser: Chrome, red_log: Path) -> None:
    images = list((red_log / "images").iterdir())
    content = images[0].read_bytes()
    images[0].unlink()
    try:
        show(browser, red_log, "item-0")
        assert "the image file is missing" in text_of(browser, ".boxed-image")
        assert len(browser.find_elements(By.CSS_SELECTOR, ".box .outline")) == 1
        assert "2 image files missing" in text_of(browser, "#notes")
    finally:
        images[0].write_bytes(content)


def png_string(image: Image.Image) -> str:
    return base64.b64encode(png(image)).decode()


def wait_for_images(browser: Chrome) -> None:
    images = "[...document.querySelectorAll('#detail img')]"
    script = f"return {images}.every(image => image.complete && image.naturalWidth)"
    WebDriverWait(browser, 5).until(lambda driver: driver.execute_script(script))


def is_red(pixel: Any) -> bool:
    return bool(pixel[0] > 200 and pixel[1] < 60 and pixel[2] < 60)


def red_extent(browser: Chrome) -> list[float]:
    """Where the screen shows the red rectangle, within the image."""
    x, y, width, height = place_of(browser, ".boxed-image")
    picture = np.asarray(Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB"))
    left, top = int(x), int(y)
    part = picture[top : int(y + height), left : int(x + width)].astype(int)
    red = (part[..., 0] > 200) & (part[..., 1] < 100) & (part[..., 2] < 100)
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    return [left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1]


def place_of(browser: Chrome, selector: str) -> list[float]:
    """Left, top, width and height on the screen."""
    place: list[float] = browser.execute_script(
        "const r = document.querySelector(arguments[0]).getBoundingClientRect();"
        "return [r.x, r.y, r.width, r.height]",
        selector,
    )
    return place

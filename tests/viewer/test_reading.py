"""What a reader sees in a real browser: the pair, the views, the curves, other steps and runs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.viewer.page_driver import complaints, press, show, text_of
from tests.viewer.striped import SIDE, STORY, VIEW_SIDE, Rollout, write_striped
from tests.viewer.test_boxes import place_of, wait_for_images

TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.fixture(scope="module")
def striped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("striped")
    write_striped(path, lr="1e-6", beta="0")
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("other")
    story = [Rollout(one.step, "B", False) for one in STORY]
    write_striped(path, story, name="without zoom", lr="1e-5", beta="0")
    return path


@pytest.fixture
def phone(browser: Chrome) -> Iterator[Chrome]:
    """The browser as wide as a phone."""
    metrics = {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def texts_of(browser: Chrome, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
    texts: list[str] = browser.execute_script(script, selector)
    return texts


def test_the_page_opens_on_a_right_zoom_beside_a_wrong_answer(
    browser: Chrome, striped: Path
) -> None:
    show(browser, striped)
    columns = browser.find_elements(By.CSS_SELECTOR, ".column")
    assert [column.get_attribute("data-key") for column in columns] == ["s6-4", "s6-5"]
    assert text_of(browser, "h2").startswith("Which way do the stripes run?")
    assert "Two rollouts of this prompt, at step 6" in text_of(browser, ".detail-head")
    assert texts_of(browser, ".column:first-child .pictures .above")[:2] == [
        "As the model saw it",
        "Crop 1",
    ]
    assert "it never looked closer" in text_of(browser, ".column.wrong")
    assert "#" not in browser.current_url
    press(browser, "j")  # from the pair into the table
    assert text_of(browser, ".trajectory-id") == "s1-0"
    press(browser, "o")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".column")) == 2
    assert complaints(browser) == []


def test_a_page_without_such_a_pair_opens_on_its_first_row(browser: Chrome, other: Path) -> None:
    show(browser, other)
    assert text_of(browser, ".trajectory-id") == "s1-0"
    # Nobody looked at the image, so nothing had to know at which size the model saw it.
    assert texts_of(browser, "#detail > .pictures .above") == ["Source"]
    assert "the model's view is not in the log" in text_of(browser, "#detail > .pictures")


def test_the_title_is_the_question_and_the_view_stands_beside_the_source(
    browser: Chrome, striped: Path
) -> None:
    show(browser, striped, "s6-4")
    assert text_of(browser, "h2") == "Which way do the stripes run?A. up\nB. across"
    above = texts_of(browser, "#detail > .pictures .above")
    assert above == ["As the model saw it", "Source", "Crop 1"]
    assert texts_of(browser, "#detail > .pictures .image figcaption:last-child") == [
        f"{VIEW_SIDE}{TIMES}{VIEW_SIDE}",
        f"{SIDE}{TIMES}{SIDE}",
    ]
    boxes = browser.find_elements(By.CSS_SELECTOR, "#detail > .pictures .box .outline")
    assert len(boxes) == 2  # on both
    assert text_of(browser, ".region figcaption") == f"before: 56{TIMES}56 of the view"


def test_the_detail_is_on_the_screen_in_the_crop_and_not_in_the_view(
    browser: Chrome, striped: Path
) -> None:
    show(browser, striped, "s6-4")
    wait_for_images(browser)
    browser.execute_script("document.querySelectorAll('.overlay').forEach(e => e.remove())")
    assert contrast(browser, "#detail > .pictures .view img", part=2) < 8
    assert contrast(browser, "#detail > .pictures .source img", part=2) > 25
    assert contrast(browser, "#detail > .pictures .crop img", part=1) > 40


def contrast(browser: Chrome, selector: str, part: int) -> float:
    """How much the pixels of the upper left part of an element differ on the screen."""
    x, y, width, height = place_of(browser, selector)
    picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("L")
    inner = (x + 24, y + 24, x + width / part - 6, y + height / part - 6)
    return float(np.asarray(picture.crop(tuple(map(int, inner))), float).std())


def test_the_figure_is_the_mean_of_the_last_steps_and_the_line_is_smoothed(
    browser: Chrome, striped: Path
) -> None:
    show(browser, striped)
    assert "mean of the last 2 steps" in text_of(browser, ".curve-bar")
    chart = ".chart:first-child"  # reward: 0, 0.2, 0.4, 0.6, 1, 1.4
    assert text_of(browser, f"{chart} output") == "1.2"
    assert text_of(browser, f"{chart} .before").startswith("0.1")
    script = (
        "return ['raw', 'line'].map(name => document.querySelector('.chart .' + name))"
        ".map(e => [e.getAttribute('points'), getComputedStyle(e).visibility])"
    )
    (raw, raw_seen), (line, _) = browser.execute_script(script)
    assert raw == line and raw_seen == "hidden"  # six steps need no smoothing
    slide(browser, 0.5)
    (raw, raw_seen), (line, _) = browser.execute_script(script)
    assert raw != line and raw_seen == "visible"
    # Weights of 1 and 1/2 for the last two: (0.2 + 0 / 2) / 1.5.
    scale = last_y(raw.split()[1]) / 0.2
    assert last_y(line.split()[1]) == pytest.approx(scale * 0.2 / 1.5, rel=1e-6)


def last_y(point: str) -> float:
    """The height of a point over the axis, which is at 100."""
    return 100 - float(point.partition(",")[2])


def slide(browser: Chrome, weight: float) -> None:
    browser.execute_script(
        "const s = document.getElementById('smoothing'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('input'))",
        weight,
    )


def test_metrics_are_grouped_and_flat_ones_folded_away(browser: Chrome, striped: Path) -> None:
    show(browser, striped)
    browser.execute_script("document.querySelector('.all-metrics').open = true")
    WebDriverWait(browser, 5).until(lambda driver: texts_of(driver, ".metric-group h3"))
    assert texts_of(browser, ".metric-group h3") == ["Reward", "Judge"]
    assert texts_of(browser, ".metric-group .name") == ["reward", "judge/asked"]
    assert text_of(browser, ".flat summary") == "1 metric that never changed"
    assert text_of(browser, ".flat dl") == "kl0"
    assert browser.execute_script("return document.querySelector('.flat').open") is False


def test_the_settings_of_the_run_are_a_panel(browser: Chrome, striped: Path) -> None:
    show(browser, striped)
    panel = browser.find_element(By.ID, "settings")
    assert not panel.is_displayed()
    press(browser, "s")
    assert panel.is_displayed()
    assert "lr1e-6" in text_of(browser, "#settings") and "steps1 to 6" in text_of(
        browser, "#settings"
    )
    browser.find_element(By.ID, "toggle-settings").click()
    assert not panel.is_displayed()


def test_one_prompt_over_the_steps(browser: Chrome, striped: Path) -> None:
    show(browser, striped, "s1-0")
    lines = texts_of(browser, ".history-line")
    assert [line.startswith(f"step {step}") for line, step in zip(lines, (1, 3, 6), strict=True)]
    assert ["0/2" in lines[0], "1/2" in lines[1], f"✗ B {TIMES} 2" in lines[0]] == [True] * 3
    browser.find_elements(By.CSS_SELECTOR, ".history-line")[2].click()
    assert texts_of(browser, ".column .verdict-line b") == ["B", "A"]
    assert browser.current_url.endswith("#s1-0&s6-4")
    address = browser.current_url
    browser.get("about:blank")
    browser.get(address)  # the link of the two
    WebDriverWait(browser, 5).until(lambda driver: len(texts_of(driver, ".column")) == 2)
    show(browser, striped, "s1-0")
    browser.find_element(By.CSS_SELECTOR, ".beside-all").click()
    assert len(texts_of(browser, ".column")) == 3
    assert "3 rollouts of this prompt, at different steps" in text_of(browser, ".detail-head")


def test_two_runs_side_by_side(browser: Chrome, striped: Path, other: Path) -> None:
    show(browser, striped, "", other)
    assert texts_of(browser, ".run-names li") == ["stripes", "without zoom"]
    assert len(texts_of(browser, ".chart:first-child output")) == 2
    assert len(browser.find_elements(By.CSS_SELECTOR, ".chart:first-child .line")) == 2
    assert texts_of(browser, ".summary-of-run > :first-child") == ["stripes", "without zoom"]
    keys = "return [...document.querySelectorAll('.column')].map(e => e.dataset.key)"
    assert browser.execute_script(keys) == ["s6-4", "1:s6-4"]
    assert "in different runs" in text_of(browser, ".detail-head")
    browser.find_element(By.CSS_SELECTOR, "tr[data-key='s6-5']").click()
    shown = browser.execute_script(keys)
    assert shown == ["s6-5", "1:s6-5"]  # its place in the other run's group
    press(browser, "s")
    assert "lr1e-61e-5" in texts_of(browser, ".setting.differs")
    assert text_of(browser, ".history").count("step 6") == 2
    press(browser, Keys.ESCAPE, "j")
    assert complaints(browser) == []


def test_on_a_phone_the_turns_come_before_the_verdict(phone: Chrome, striped: Path) -> None:
    show(phone, striped, "s6-4")
    wait_for_images(phone)
    order = ["h2", "#detail > .pictures", ".turn", ".judge", ".group", ".history"]
    tops = [place_of(phone, selector)[1] for selector in order]
    assert tops == sorted(tops)
    assert phone.execute_script("return document.documentElement.scrollWidth") <= 400
    place = place_of(phone, "#table .said")
    assert place[0] + place[2] <= 400  # question and answer fit beside each other


def test_the_question_has_the_widest_column(browser: Chrome, striped: Path) -> None:
    show(browser, striped)
    widths: list[Any] = browser.execute_script(
        "return [...document.querySelectorAll('#table th')].map(e => [e.className, e.offsetWidth])"
    )
    by_class = dict(map(tuple, widths))
    assert by_class["asked"] >= 260 and by_class["asked"] == max(by_class.values())


def test_the_turns_of_a_chosen_row_come_into_view_on_a_phone(phone: Chrome, striped: Path) -> None:
    show(phone, striped)
    phone.execute_script("window.scrollTo(0, 0)")
    phone.execute_script("document.querySelector('tr[data-key=\"s3-3\"]').click()")
    WebDriverWait(phone, 5).until(lambda driver: text_of(driver, ".trajectory-id") == "s3-3")
    assert -1 <= place_of(phone, "#detail")[1] < 450

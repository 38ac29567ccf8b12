"""The page in a real browser: speed, hostile texts, the table, keys and links."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from swift_deepeyes.record.record import LoggedTrajectory
from tests.viewer.browser import open_browser
from tests.viewer.hostile import ATTACK, hostile_item, write_hostile_log
from tests.viewer.log_maker import copies, make_item, write_lines
from tests.viewer.page_driver import (
    complaints,
    press,
    settle,
    show,
    shown_count,
    shown_ids,
    text_of,
)


def test_five_thousand_trajectories_open_in_under_three_seconds(
    browser: Chrome, run_path: Path, run_items: list[LoggedTrajectory], tmp_path: Path
) -> None:
    write_lines(tmp_path, copies(run_items, 5000, steps=25))
    (tmp_path / "images").symlink_to(run_path / "images")
    show(browser, tmp_path)
    first_table = browser.execute_script(
        "return performance.getEntriesByName('first-table')[0].startTime"
    )
    assert first_table < 3000
    assert shown_count(browser) == 5000
    assert len(shown_ids(browser)) < 80  # virtual: only the rows in view exist
    assert complaints(browser) == []


def test_the_whole_table_can_be_scrolled_through(browser: Chrome, tmp_path: Path) -> None:
    write_lines(tmp_path, copies([make_item(0)], 5000, steps=25))
    show(browser, tmp_path)
    scroll = "const s = document.getElementById('scroller'); s.scrollTop = s.scrollHeight"
    browser.execute_script(scroll)
    WebDriverWait(browser, 5).until(lambda driver: shown_ids(driver)[-1] == "t004999")


def test_hostile_texts_do_not_run_and_are_shown_literally(browser: Chrome, tmp_path: Path) -> None:
    write_hostile_log(tmp_path)
    show(browser, tmp_path, hostile_item().id)
    # Everything that is folded away, too.
    browser.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    browser.execute_script("document.querySelector('.enlarge').click()")
    press(browser, Keys.ESCAPE, "j", "k")
    assert browser.execute_script("return window.pwned") is None
    assert (
        browser.execute_script("return document.querySelectorAll('script:not([type])').length") == 1
    )
    assert text_of(browser, ".piece.think") == f"<think>{ATTACK}</think>"
    assert ATTACK in text_of(browser, ".answer-text")
    for place in (
        ".judge blockquote",
        ".calls .label",
        ".prompt",
        ".observation",
        ".trajectory-id",
        "h2",
        "#title",
    ):
        assert ATTACK in text_of(browser, place), place
    source_names = browser.execute_script(
        "return [...document.querySelectorAll('#table .source')].map(c => c.textContent)"
    )
    assert ATTACK in source_names
    outside = "#detail img:not([alt='crop']):not([alt^='source']), #detail iframe, #detail script"
    assert browser.find_elements(By.CSS_SELECTOR, outside) == []
    assert complaints(browser) == []


def test_hostile_texts_stay_texts_where_runs_are_compared(browser: Chrome, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_hostile_log(tmp_path / name)
    show(browser, tmp_path / "a", "", tmp_path / "b")
    press(browser, "s", "j")
    browser.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    WebDriverWait(browser, 5).until(
        lambda driver: driver.find_elements(By.CSS_SELECTOR, ".metric-group, .flat")
    )
    assert ATTACK in text_of(browser, ".column") and ATTACK in text_of(browser, "#settings")
    assert ATTACK[:100] in text_of(browser, ".history")
    assert browser.execute_script("return window.pwned") is None
    scripts = "return document.querySelectorAll('script:not([type])').length"
    assert browser.execute_script(scripts) == 1
    assert complaints(browser) == []


def test_the_policy_stops_what_would_get_through(browser: Chrome, tmp_path: Path) -> None:
    """The second wall: had a text become markup, its script would still not run."""
    write_lines(tmp_path, [make_item(0)])
    show(browser, tmp_path)
    browser.execute_script(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.pwned=1>');"
        "const s = document.createElement('script'); s.textContent = 'window.pwned = 2';"
        "document.body.append(s); fetch('https://127.0.0.1:9/').catch(() => {});"
    )
    WebDriverWait(browser, 5).until(
        lambda driver: sum("Content Security" in line for line in complaints(driver)) >= 2
    )
    assert browser.execute_script("return window.pwned") is None


def test_filters_sorting_and_search(
    browser: Chrome, run_path: Path, run_items: list[LoggedTrajectory]
) -> None:
    show(browser, run_path)
    wrong = [item for item in run_items if item.score.accuracy == 0]
    Select(browser.find_element(By.ID, "filter-result")).select_by_value("wrong")
    settle(browser, len(wrong))
    Select(browser.find_element(By.ID, "filter-tool")).select_by_value("never called")
    idle = [item for item in wrong if not list(item.trajectory.calls)]
    settle(browser, len(idle))
    browser.find_element(By.CSS_SELECTOR, "#filters [type=reset]").click()
    settle(browser, len(run_items))
    for number, step in (("from", 2), ("to", 3)):
        Select(browser.find_element(By.ID, f"step-{number}")).select_by_value(str(step))
    settle(browser, sum(item.step in (2, 3) for item in run_items))
    browser.find_element(By.CSS_SELECTOR, "#filters [type=reset]").click()
    press(browser, "/")
    phrase = "the judge server's reply is not searched for this: Now I CAN read it."
    browser.switch_to.active_element.send_keys(phrase.partition(": ")[2])
    matching = [
        item for item in run_items if any("Now I can read" in t.text for t in item.trajectory.turns)
    ]
    settle(browser, len(matching))
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    browser.find_element(By.CSS_SELECTOR, "#filters [type=reset]").click()
    settle(browser, len(run_items))
    sort_by_reward(browser, run_items)


def sort_by_reward(browser: Chrome, items: list[LoggedTrajectory]) -> None:
    reward = {item.id: item.score.total for item in items}
    header = browser.find_element(By.XPATH, "//th/button[text()='Reward']")
    header.click()
    rewards = [reward[name] for name in shown_ids(browser)]
    assert rewards[0] == max(reward.values()) and rewards == sorted(rewards, reverse=True)
    header.click()
    rewards = [reward[name] for name in shown_ids(browser)]
    assert rewards[0] == min(reward.values()) and rewards == sorted(rewards)
    header.click()
    assert shown_ids(browser)[0] == min(items, key=lambda item: (item.step, item.group, item.id)).id


def test_keys_links_and_the_group(
    browser: Chrome, run_path: Path, run_items: list[LoggedTrajectory]
) -> None:
    target = run_items[-1]
    show(browser, run_path, target.id)
    assert text_of(browser, ".trajectory-id") == target.id
    members = {item.id for item in run_items if item.group == target.group}
    buttons = browser.find_elements(By.CSS_SELECTOR, ".member")
    assert {button.get_attribute("data-key") for button in buttons} == members
    other = next(b for b in buttons if b.get_attribute("data-key") != target.id)
    name = other.get_attribute("data-key")
    other.click()
    assert text_of(browser, ".trajectory-id") == name
    assert browser.current_url.endswith(f"#{name}")
    order = sorted(run_items, key=lambda item: (item.step, item.group, item.id))
    browser.execute_script(f"location.hash = '#{order[0].id}'")
    WebDriverWait(browser, 5).until(lambda driver: text_of(driver, ".trajectory-id") == order[0].id)
    press(browser, "j", "j", "k")
    assert text_of(browser, ".trajectory-id") == order[1].id


def test_a_step_can_be_chosen_in_a_curve(
    browser: Chrome, run_path: Path, run_items: list[LoggedTrajectory]
) -> None:
    show(browser, run_path)
    plot = browser.find_element(By.CSS_SELECTOR, ".chart svg")
    plot.click()  # the middle of steps 1 to 6: 3 or 4
    chosen = int(browser.find_element(By.ID, "step-from").get_attribute("value") or 0)
    assert chosen in (3, 4)
    members = [item for item in run_items if item.step == chosen]
    assert shown_count(browser) == len(members)
    mean = sum(item.score.total for item in members) / len(members)
    press(browser, "/")  # the pointer stays, and the value is that of the chosen step either way
    assert float(text_of(browser, ".chart output")) == pytest.approx(mean, abs=0.006)


def test_dark_mode_follows_the_system(tmp_path: Path, run_path: Path, browser: Chrome) -> None:
    del browser  # asked for its reason to skip
    with open_browser(tmp_path / "profile", dark=True) as dark:
        show(dark, run_path)
        script = "return getComputedStyle(document.body).backgroundColor"
        assert dark.execute_script(script) == "rgb(21, 23, 26)"
        dark.find_element(By.ID, "toggle-theme").click()
        assert dark.execute_script(script) == "rgb(251, 251, 250)"


def test_shares_of_tool_use_are_of_those_that_have_a_tool(browser: Chrome, tmp_path: Path) -> None:
    """As in the curves: rows without a tool never call one, and say nothing about its use."""
    with_tool = [make_item(number) for number in range(4)]
    cropped = [
        item.model_copy(update={"trajectory": item.trajectory.model_copy(update={"crops": 1})})
        for item in with_tool[:1]
    ]
    without = [
        item.model_copy(update={"trajectory": item.trajectory.model_copy(update={"toolbox": None})})
        for item in (make_item(number) for number in range(4, 16))
    ]
    write_lines(tmp_path, [*cropped, *with_tool[1:], *without])
    show(browser, tmp_path)
    assert "25 % with a crop" in text_of(browser, "#summary")
    Select(browser.find_element(By.ID, "filter-tool")).select_by_value("never called")
    settle(browser, 4)

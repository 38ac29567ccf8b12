"""What the tests do with a page in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from swift_deepeyes.viewer.build import PageLimits, build_page

IS_READ = (
    "return performance.getEntriesByName('first-table').length > 0"
    " && document.readyState === 'complete'"
)


def show(browser: Chrome, log: Path, anchor: str = "", *others: Path) -> None:
    """Write the page of a log, and of those that it is compared with, beside it, and open it."""
    page = log / "page.html"
    page.write_bytes(build_page([log, *others], PageLimits()).html)
    browser.get("about:blank")
    complaints(browser)  # forgets those of the page before
    browser.get(page.as_uri() + (f"#{quote(anchor, safe='')}" if anchor else ""))
    WebDriverWait(browser, 20).until(lambda driver: driver.execute_script(IS_READ))


def complaints(browser: Chrome) -> list[Any]:
    entries = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries]


def shown_ids(browser: Chrome) -> list[str]:
    script = (
        "return [...document.querySelectorAll('#table tbody tr[data-key]')].map(r => r.dataset.key)"
    )
    ids: list[str] = browser.execute_script(script)
    return ids


def text_of(browser: Chrome, selector: str) -> str:
    text: str = browser.execute_script(
        "return document.querySelector(arguments[0]).textContent", selector
    )
    return text


def shown_count(browser: Chrome) -> int:
    return int(text_of(browser, "#summary b").replace(",", ""))


def settle(browser: Chrome, count: int) -> None:
    WebDriverWait(browser, 5).until(lambda driver: shown_count(driver) == count)


def press(browser: Chrome, *keys: str) -> None:
    browser.find_element(By.TAG_NAME, "body").send_keys(*keys)

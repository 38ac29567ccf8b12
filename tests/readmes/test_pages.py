"""The READMEs: their links, the settings' table, the row, and both languages of the first one."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from swift_deepeyes.ms_swift.rows import register_rows
from swift_deepeyes.settings import PREFIX, Settings
from tests.dataset.loading import load
from tests.dataset.loading import own_registry as registry_fixture
from tests.readmes.markdown import PAGES, ROOT, Page

own_registry = registry_fixture
FRONT = Page(ROOT / "README.md")
CHINESE = Page(ROOT / ".github/README_zh.md")
REFERENCE = Page(ROOT / "swift_deepeyes/README.md")
WORDS = 1500  # that a newcomer reads before the first command works is less


def target(page: Page, link: str) -> Path:
    return (page.path.parent / link.partition("#")[0]).resolve() if link[0] != "#" else page.path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    for link in page.links:
        if link.startswith("https://"):
            continue
        path = target(page, link)
        assert path.exists(), link
        if anchor := link.partition("#")[2]:
            assert anchor in Page(path).anchors, link


def test_every_page_is_reached_from_the_first() -> None:
    linked = {target(FRONT, link) for link in FRONT.links if not link.startswith("https://")}
    assert {page.path for page in PAGES} - {FRONT.path} <= linked


def test_the_front_page_is_short_and_its_language_can_be_chosen_first() -> None:
    assert len(FRONT.text.split()) <= WORDS
    assert FRONT.links[0] == ".github/README_zh.md"
    assert CHINESE.links[0] == "../README.md"


def test_both_languages_say_the_same() -> None:
    assert [level for level, _ in FRONT.headings] == [level for level, _ in CHINESE.headings]
    for language in ("bash", "json", "bibtex"):
        assert FRONT.blocks(language) == CHINESE.blocks(language)
    ours = [FRONT.path if link[0] == "." else link for link in FRONT.links]
    assert len(ours) == len(CHINESE.links)
    for link, other in zip(FRONT.links[1:], CHINESE.links[1:], strict=True):
        if link.startswith("https://"):
            assert link == other
        else:
            assert target(FRONT, link) == target(CHINESE, other)
    figures = re.compile(r"\d+(?:\.\d+)?")
    rows = [line for line in FRONT.text.splitlines() if re.match(r"\|.*\d\d\.\d", line)]
    theirs = [line for line in CHINESE.text.splitlines() if re.match(r"\|.*\d\d\.\d", line)]
    assert [figures.findall(row) for row in rows] == [figures.findall(row) for row in theirs]


def test_the_table_of_settings_is_whole() -> None:
    table = [line for line in REFERENCE.text.splitlines() if line.startswith(f"| `{PREFIX}")]
    listed = list[str]()
    for row in table:
        first, *others = re.findall(r"`([A-Z_]+)`", row.split("|")[1])
        listed += [first, *(_whole(first, other) for other in others)]
    names = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert set(listed) == names
    assert len(listed) == len(names)


def test_the_row_of_the_front_page_is_loaded(tmp_path: Path) -> None:
    (row,) = FRONT.blocks("json")
    (tmp_path / "mine.jsonl").write_text(json.dumps(json.loads(row)) + "\n")
    shutil.copy(ROOT / ".github/images/viewer.png", tmp_path / "desk.jpg")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        register_rows("mine", tmp_path / "mine.jsonl")
        (loaded,) = load("mine")
    assert loaded["env_name"] == "visual_toolbox_v2"
    assert loaded["messages"][1]["content"].startswith("<image>")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_a_page_is_python(page: Page) -> None:
    for code in page.blocks("python"):
        compile(code, page.name, "exec")


def _whole(first: str, rest: str) -> str:
    """`_RETRIES` beside `DEEPEYES_JUDGE_CONCURRENCY` is a companion of the same group."""
    if rest.startswith(PREFIX):
        return rest
    names = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    words = first.split("_")
    stems = ("_".join(words[:count]) for count in range(len(words) - 1, 0, -1))
    return next(stem + rest for stem in stems if stem + rest in names)

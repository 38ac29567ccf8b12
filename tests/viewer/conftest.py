from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from swift_deepeyes.record.record import LoggedTrajectory
from tests.viewer.browser import binaries, open_browser
from tests.viewer.log_maker import make_run


@pytest.fixture(scope="session")
def run_items(run_path: Path) -> list[LoggedTrajectory]:
    """The trajectories of `run_path`."""
    return make_run(run_path, steps=6, groups=2, rollouts=4)


@pytest.fixture(scope="session")
def run_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    if binaries() is None:
        pytest.skip("needs chromium and chromedriver on PATH (apt: chromium chromium-driver)")
    with open_browser(tmp_path_factory.mktemp("profile")) as chrome:
        yield chrome

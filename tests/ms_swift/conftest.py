from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

import pytest

from swift_deepeyes.demo.families import PIXEL_VARIABLES, set_pixel_variables
from swift_deepeyes.ms_swift.process import process


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """Settings, judge, recorder and warnings as in a process that has just begun."""
    process.reset()
    yield
    process.reset()


@pytest.fixture
def pixel_settings() -> Iterator[Callable[[Mapping[str, str | None]], None]]:
    """Set pixel variables as if this process had started with them; undone after the test."""
    before = {name: os.environ.get(name) for name in PIXEL_VARIABLES}
    yield set_pixel_variables
    set_pixel_variables(before)

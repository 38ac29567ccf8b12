from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

import pytest

from swift_deepeyes.demo.families import PIXEL_VARIABLES, set_pixel_variables


@pytest.fixture
def pixel_settings() -> Iterator[Callable[[Mapping[str, str | None]], None]]:
    """Set pixel variables as if this process had started with them; undone after the test."""
    before = {name: os.environ.get(name) for name in PIXEL_VARIABLES}
    yield set_pixel_variables
    set_pixel_variables(before)

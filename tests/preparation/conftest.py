from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from swift_deepeyes.preparation.recipe import Recipe
from swift_deepeyes.preparation.report import PreparationReport
from swift_deepeyes.preparation.run import prepare
from swift_deepeyes.progress import Progress

Prepare = Callable[..., PreparationReport]


@pytest.fixture
def prepared(tmp_path: Path) -> Prepare:
    """Prepares a file or folder into `tmp_path / "out"` by a recipe of these values."""

    def run(given: Path, out: str = "out", workers: int = 2, **recipe: Any) -> PreparationReport:
        return prepare([given], tmp_path / out, Recipe(**recipe), workers, Progress())

    return run


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """The rows of a prepared file."""

    def rows(name: str, out: str = "out") -> list[dict[str, Any]]:
        return pq.read_table(tmp_path / out / f"{name}.parquet").to_pylist()

    return rows

"""Rows as `swift rlhf` loads them, with ms-swift's registry as it was afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from swift.dataset import load_dataset
from swift.dataset import register as swift_register

from swift_deepeyes.ms_swift.rows import register_rows
from tests.dataset import lookalike

LOGGER = "swift_deepeyes.ms_swift.rows"


@pytest.fixture(autouse=True)
def own_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """ms-swift's registry and caches as they were, however a test changed them."""
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(swift_register, "register_dataset", swift_register.register_dataset)
    before = dict(swift_register.DATASET_MAPPING)
    yield
    swift_register.DATASET_MAPPING.clear()
    swift_register.DATASET_MAPPING.update(before)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Reads what our rows logged: into a file, because `datasets` maps in child processes."""
    handler = logging.FileHandler(tmp_path / "rows.log", mode="w")
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.getLogger(LOGGER).addHandler(handler)
    yield (tmp_path / "rows.log").read_text
    logging.getLogger(LOGGER).removeHandler(handler)
    handler.close()


def load(*names: str, **options: object) -> list[dict]:
    # As swift rlhf calls it for GRPO.
    options = {"remove_unused_columns": False, "load_from_cache_file": False} | options
    return list(load_dataset(list(names), **options)[0])


def load_rows(folder: Path, rows: list[dict[str, Any]], **options: object) -> list[dict]:
    """Write a file of these rows and load it."""
    register_rows("mine", lookalike.write(folder / "mine.parquet", rows))
    return load("mine", **options)


def indices(rows: list[dict]) -> list[str]:
    return [row["extra_info"]["index"] for row in rows]

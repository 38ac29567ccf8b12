"""The rows of a benchmark's files.

Each knows where it stands (`Row`), so that a field that is not as published is named with its file
and row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swift_deepeyes.dataset.tables import DamagedTableError, TableError, read_json, read_table
from swift_deepeyes.evaluation.benchmarks.row import Row
from swift_deepeyes.evaluation.question import BenchmarkError


def read_rows(path: Path, published: str) -> Iterator[Row]:
    """The rows of a file, by its suffix: `.parquet`, `.tsv`, `.csv`, else JSON.

    `published` says how the benchmark's files look, for messages. Raises `BenchmarkError`.
    """
    with _as_benchmark_error():
        for number, (_, fields) in enumerate(read_table(path), start=1):
            if not isinstance(fields, dict):
                what = f"is {type(fields).__name__}, not an object with fields"
                raise BenchmarkError(f"{path}, row {number} {what}. {published}")
            yield Row(path, number, fields, published)


def read_object(path: Path, published: str) -> Row:
    """A JSON file that holds one object. Raises `BenchmarkError`."""
    with _as_benchmark_error():
        content = read_json(path)
    if not isinstance(content, dict):
        raise BenchmarkError(f"{path} holds no JSON object. {published}")
    return Row(path, 1, content, published)


@contextmanager
def _as_benchmark_error() -> Iterator[None]:
    try:
        yield
    except TableError as error:
        is_damaged = isinstance(error, DamagedTableError) and "git lfs" not in str(error)
        fix = " Download it again, and compare its size." if is_damaged else ""
        raise BenchmarkError(f"{error}{fix}") from None

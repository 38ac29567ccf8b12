"""Rows of JSON, TSV and parquet files, one at a time: their images make them too large for memory.

Whatever the file, a row knows where it stands (`Row`), so that a field that is not as published is
named with its file and row. JSON lines, a JSON array and a byte order mark are all read.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from swift_deepeyes.evaluation.benchmarks.row import Row
from swift_deepeyes.evaluation.question import BenchmarkError

_ROWS_AT_ONCE = 8
_ENCODING = "utf-8-sig"  # UTF-8, with or without a byte order mark
_LFS_POINTER = b"version https://git-lfs"


def read_rows(path: Path, published: str) -> Iterator[Row]:
    """The rows of a file, by its suffix: `.parquet`, `.tsv`, `.csv`, else JSON.

    `published` says how the benchmark's files look, for messages. Raises `BenchmarkError`.
    """
    if path.suffix == ".parquet":
        rows: Iterator[Any] = read_parquet(path)
    elif path.suffix in (".tsv", ".csv"):
        rows = _read_table(path, "\t" if path.suffix == ".tsv" else ",")
    else:
        rows = _read_json(path)
    for number, fields in enumerate(rows, start=1):
        if not isinstance(fields, dict):
            what = f"is {type(fields).__name__}, not an object with fields"
            raise BenchmarkError(f"{path}, row {number} {what}. {published}")
        yield Row(path, number, fields, published)


def read_object(path: Path, published: str) -> Row:
    """A JSON file that holds one object. Raises `BenchmarkError`."""
    content = _parse(_text(path), path, "")
    if not isinstance(content, dict):
        raise BenchmarkError(f"{path} holds no JSON object. {published}")
    return Row(path, 1, content, published)


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a parquet file. Raises `BenchmarkError`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, f"is no parquet file that can be read: {error}") from None


def _read_table(path: Path, delimiter: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(sys.maxsize)  # a field holds a whole image
    try:
        with path.open(encoding=_ENCODING, newline="") as file:
            # Cells beyond the header's are of no column.
            for row in csv.DictReader(file, delimiter=delimiter):
                yield {name: cell for name, cell in row.items() if name is not None}
    except (csv.Error, UnicodeDecodeError) as error:
        raise _unreadable(path, f"is no table that can be read: {error}") from None


def _read_json(path: Path) -> Iterator[Any]:
    """One JSON value a line, or one array of them, whatever the suffix says."""
    text = _text(path)
    if text.lstrip().startswith("["):
        yield from _parse(text, path, "")
        return
    # Not `splitlines`: it breaks at characters that JSON allows inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _parse(line, path, f", line {number}")


def _parse(text: str, path: Path, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, f"is not JSON: {error}", where) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding=_ENCODING)
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"is not UTF-8 text: {error}") from None
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read: {error.strerror}") from None


def _unreadable(path: Path, problem: str, where: str = "") -> BenchmarkError:
    with path.open("rb") as file:
        is_pointer = file.read(len(_LFS_POINTER)) == _LFS_POINTER
    fix = (
        "It is a Git LFS pointer and not the file itself: `git lfs pull` fetches that."
        if is_pointer
        else "Download it again, and compare its size."
    )
    return BenchmarkError(f"{path}{where} {problem}. {fix}")

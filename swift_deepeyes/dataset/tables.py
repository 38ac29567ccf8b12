"""Rows of JSON, CSV, TSV and parquet files, one at a time: images make them too large for memory.

JSON lines, a JSON array and a byte order mark are all read, whatever the suffix says.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from swift_deepeyes.errors import DeepEyesError

_ROWS_AT_ONCE = 8
_ENCODING = "utf-8-sig"  # UTF-8, with or without a byte order mark
_LFS_POINTER = b"version https://git-lfs"

NumberedRow = tuple[int, Any]
"""A line's number in a file of lines, else the row's, from 1; and what stands there."""


class TableError(DeepEyesError):
    """A file cannot be read; the message names it."""


class DamagedTableError(TableError):
    """A file is not what its suffix says, or a line of it is damaged; the message says where."""


def read_table(
    path: Path, on_bad_line: Callable[[TableError], None] | None = None
) -> Iterator[NumberedRow]:
    """The rows of a file, by its suffix: `.parquet`, `.tsv`, `.csv`, else JSON.

    Raises `TableError`; with `on_bad_line` a line that is no JSON goes there, and is passed over.
    """
    if path.suffix == ".parquet":
        yield from enumerate(read_parquet(path), start=1)
    elif path.suffix in (".tsv", ".csv"):
        yield from _read_cells(path, "\t" if path.suffix == ".tsv" else ",")
    else:
        yield from _read_json(path, on_bad_line)


def read_json(path: Path) -> Any:
    """The one value of a JSON file. Raises `TableError`."""
    return _parse(_text(path), path, "")


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a parquet file. Raises `TableError`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, f"is no parquet file that can be read: {error}") from None


def _read_cells(path: Path, delimiter: str) -> Iterator[NumberedRow]:
    csv.field_size_limit(sys.maxsize)  # a field holds a whole image
    try:
        with path.open(encoding=_ENCODING, newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            for row in reader:
                # Cells beyond the header's are of no column.
                yield (
                    reader.line_num,
                    {name: cell for name, cell in row.items() if name is not None},
                )
    except (csv.Error, UnicodeDecodeError) as error:
        raise _unreadable(path, f"is no table that can be read: {error}") from None


def _read_json(
    path: Path, on_bad_line: Callable[[TableError], None] | None
) -> Iterator[NumberedRow]:
    """One JSON value a line, or one array of them, whatever the suffix says."""
    text = _text(path)
    if text.lstrip().startswith("["):
        yield from enumerate(_parse(text, path, ""), start=1)
        return
    # Not `splitlines`: it breaks at characters that JSON allows inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                value = _parse(line, path, f", line {number}")
            except TableError as error:
                if on_bad_line is None:
                    raise
                on_bad_line(error)
            else:
                yield number, value


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
        raise TableError(f"{path} cannot be read: {error.strerror}.") from None


def _unreadable(path: Path, problem: str, where: str = "") -> DamagedTableError:
    with path.open("rb") as file:
        is_pointer = file.read(len(_LFS_POINTER)) == _LFS_POINTER
    fix = (
        " It is a Git LFS pointer and not the file itself: `git lfs pull` fetches that."
        if is_pointer
        else ""
    )
    return DamagedTableError(f"{path}{where} {problem}.{fix}")

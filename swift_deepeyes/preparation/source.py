"""A file to be prepared, read in small batches.

Memory: a Parquet reader holds the dictionary page of each column chunk for as long as it reads the
chunk, and one data page twice (compressed and not). Writers measure pages after each 1,024 rows, so
a page of a file with 160 KB images has 160 MB, and a file with one giant row group is read in about
half a gigabyte. Without a buffered stream (`buffer_size`) the whole column chunk is read at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from swift_deepeyes.dataset.columns import (
    CONVERSATIONS,
    DATA_SOURCE,
    ENV_NAME,
    IMAGE_COLUMNS,
    STRUCT_KEYS,
    TEXT_COLUMNS,
    TOOLS,
)
from swift_deepeyes.errors import PrepareError

READ_ROWS = 16
STREAM_BYTES = 1 << 20
_KNOWN = {*TEXT_COLUMNS, *CONVERSATIONS, *IMAGE_COLUMNS, *STRUCT_KEYS, TOOLS}

RawRow = dict[str, Any]


class Source:
    """An open Parquet file. Raises `PrepareError` when it is none, or not of the data's schema.

    `conversation`: the column with the conversations, whose parts may hold the images.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pq.ParquetFile(path, buffer_size=STREAM_BYTES, pre_buffer=False)
        except FileNotFoundError:
            raise PrepareError(f"{path}: no such file") from None
        except (pa.ArrowException, OSError) as error:
            raise PrepareError(f"{path}: not a complete Parquet file ({error})") from error
        self.schema: pa.Schema = self._file.schema_arrow
        self.rows: int = self._file.metadata.num_rows
        names = self.schema.names
        found = [name for name in CONVERSATIONS if name in names]
        if not found:
            raise PrepareError(
                f"{path.name}: needs the columns prompt (or messages, conversations) and images, "
                f"and has {', '.join(names) or 'none'}"
            )
        self.conversation = found[0]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def identity(self) -> str:
        """Changes when the file does: its size, its time and the layout of its row groups."""
        status = self.path.stat()
        return f"{status.st_size} {status.st_mtime_ns} {self.rows} {self._file.num_row_groups}"

    def unknown_columns(self) -> tuple[str, ...]:
        """Columns, and keys of structs as `struct.key`, that the data's schema does not have."""
        unknown = [name for name in self.schema.names if name not in _KNOWN]
        for column, keys in STRUCT_KEYS.items():
            if column in self.schema.names and pa.types.is_struct(self.schema.field(column).type):
                names = [field.name for field in self.schema.field(column).type]
                unknown += [f"{column}.{name}" for name in names if name not in keys]
        return tuple(unknown)

    def data_sources(self) -> set[str]:
        """All values of `data_source`; reads that column only."""
        column = self._column(DATA_SOURCE)
        return set() if column is None else {str(value) for value in column.unique().to_pylist()}

    def names_toolboxes(self) -> bool:
        """Whether any row says something of its tools; else that is left to the prompts."""
        column = self._column(ENV_NAME)
        return column is not None and bool(column.null_count < len(column))

    def read(self, start: int) -> Iterator[RawRow]:
        """The rows from number `start` on; whole row groups before it are not touched."""
        first, skipped = self._row_group_of(start)
        skip = start - skipped
        groups = list(range(first, self._file.num_row_groups))
        try:
            for batch in self._file.iter_batches(READ_ROWS, row_groups=groups, use_threads=False):
                if skip >= batch.num_rows:
                    skip -= batch.num_rows
                    continue
                yield from batch.slice(skip).to_pylist()
                skip = 0
        except (pa.ArrowException, OSError) as error:
            raise PrepareError(f"{self.path}: damaged Parquet file ({error})") from error

    def _column(self, name: str) -> Any:
        """One column of the whole file; None where there is none."""
        return self._file.read(columns=[name]).column(0) if name in self.schema.names else None

    def _row_group_of(self, row: int) -> tuple[int, int]:
        """The row group that holds this row, and the number of rows before that group."""
        before = 0
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            if row < before + rows:
                return group, before
            before += rows
        return self._file.num_row_groups, before

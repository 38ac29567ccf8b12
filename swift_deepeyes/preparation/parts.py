"""From rows to files: parts, and of these the prepared files, each there whole or not at all.

A part holds what a few rows of the source became, and their facts in its metadata: one file, one
rename, so a part is there with everything or not at all, and an interrupted run goes on. A work
folder belongs to one source file and one recipe, by fingerprint; anything else that is found in it
is thrown away. The prepared files are made to be read in little memory: row groups of at most 256
rows or 64 MiB, small pages, no dictionaries, images not compressed a second time.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from swift_deepeyes.dataset.columns import IMAGES
from swift_deepeyes.files import replacing, write_whole
from swift_deepeyes.preparation.facts import RowFacts

PART_ROWS = 256
PART_BYTES = 16 * 2**20
"""A part ends after this many rows, or this many bytes of images: it is held in memory twice."""

GROUP_ROWS = 256
GROUP_BYTES = 64 * 2**20
WRITE_ROWS = 8  # after so many rows a writer looks whether its page is full
PAGE_BYTES = 2**20
IMAGE_BYTES_PATH = f"{IMAGES}.list.element.bytes"
"""Parquet's path of the encoded images within a prepared file."""

_FACTS = b"deepeyes.facts"
_FINGERPRINT = "fingerprint.txt"
_FACTS_LIST = TypeAdapter(list[RowFacts])


class Side(StrEnum):
    """Which file a row goes to."""

    TRAIN = "train"
    VALIDATION = "validation"


def side_of(split_key: str, fraction: float) -> Side:
    """The side of a row whose first image has this digest.

    The digest is that of the published bytes: it does not change with the recipe, and a larger
    fraction only adds rows to the validation side, whatever their order.
    """
    position = int(split_key[:16], 16) / 2**64
    return Side.VALIDATION if position < fraction else Side.TRAIN


class WorkFolder:
    """The parts of one source file under one recipe."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self._fingerprint = fingerprint

    def open(self) -> tuple[int, int]:
        """Make the folder ready; the parts that an earlier run has finished, and their rows."""
        marker = self.folder / _FINGERPRINT
        if not marker.is_file() or marker.read_text(encoding="utf-8") != self._fingerprint:
            self.remove()
            self.folder.mkdir(parents=True)
            write_whole(marker, self._fingerprint, durable=True)
        rows = [len(facts) for facts in self.facts()]
        return len(rows), sum(rows)

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, number: int, table: pa.Table, facts: Sequence[RowFacts]) -> None:
        """Write part `number`: the rows that are kept, the facts of all."""
        metadata = {_FACTS: _FACTS_LIST.dump_json(list(facts))}
        with (
            replacing(self._path(number), durable=True) as temporary,
            pa.OSFile(str(temporary), "wb") as file,
            pa.ipc.new_file(file, table.schema.with_metadata(metadata)) as writer,
        ):
            writer.write_table(table.replace_schema_metadata(metadata))

    def facts(self) -> Iterator[list[RowFacts]]:
        """The facts of each part, in order; the rows stay on disk."""
        for path in self._paths():
            with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
                yield _FACTS_LIST.validate_json(reader.schema.metadata[_FACTS])

    def tables(self) -> Iterator[tuple[pa.Table, list[RowFacts]]]:
        """Each part's rows and facts, in order, one part in memory at a time."""
        for path in self._paths():
            with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
                table = reader.read_all()
            facts = _FACTS_LIST.validate_json(table.schema.metadata[_FACTS])
            yield table.replace_schema_metadata(None), facts

    def _paths(self) -> Iterator[Path]:
        number = 0
        while (path := self._path(number)).is_file():
            yield path
            number += 1

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06}.arrow"


class GroupedWriter:
    """A Parquet file that is written in row groups of bounded size."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        leaves = [leaf for field in schema for leaf in _leaves(field.name, field.type)]
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression={leaf: "none" if leaf == IMAGE_BYTES_PATH else "zstd" for leaf in leaves},
            use_dictionary=False,
            write_statistics=False,
            write_batch_size=WRITE_ROWS,
            data_page_size=PAGE_BYTES,
        )
        self._waiting: list[pa.Table] = []
        self._held_bytes = 0
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        self.rows += table.num_rows
        for start in range(table.num_rows):
            row = table.slice(start, 1)
            self._waiting.append(row)
            self._held_bytes += row.nbytes
            if len(self._waiting) == GROUP_ROWS or self._held_bytes >= GROUP_BYTES:
                self._flush()

    def close(self) -> None:
        """Write what waits, and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting).combine_chunks()
            self._writer.write_table(table, row_group_size=table.num_rows)
            self._waiting = []
            self._held_bytes = 0


def assemble(
    work: WorkFolder,
    schema: pa.Schema,
    outputs: Mapping[Side, Path],
    fraction: float,
    left_out: frozenset[int],
    on_rows: Callable[[int], None],
) -> dict[Side, int]:
    """Write the prepared files; the rows of each side. A side without rows gets no file.

    `left_out` are numbers of rows that are in the parts and not wanted.
    """
    temporaries = {side: work.folder / f"{side}.partial" for side in outputs}
    writers = {side: GroupedWriter(path, schema) for side, path in temporaries.items()}
    for table, facts in work.tables():
        kept = [row for row in facts if row.is_written]
        sides = [
            None if row.number in left_out else side_of(row.split_key, fraction) for row in kept
        ]
        for side, writer in writers.items():
            writer.write(table.filter(pa.array([each is side for each in sides], pa.bool_())))
        on_rows(len(facts))
    with ExitStack() as stack:
        for side, writer in writers.items():
            writer.close()
            if writer.rows:
                stack.enter_context(replacing(outputs[side], temporaries[side], durable=True))
            else:
                temporaries[side].unlink()
                # What an earlier recipe left there would be taken for this one's.
                outputs[side].unlink(missing_ok=True)
    return {side: writer.rows for side, writer in writers.items()}


def _leaves(path: str, kind: pa.DataType) -> list[str]:
    """Parquet's paths of the leaves of a column."""
    if pa.types.is_struct(kind):
        return [leaf for field in kind for leaf in _leaves(f"{path}.{field.name}", field.type)]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _leaves(f"{path}.list.element", kind.value_type)
    return [path]

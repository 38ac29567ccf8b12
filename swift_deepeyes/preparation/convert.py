"""From a source file to parts: read, align, treat the images, write. Goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from typing import Any

import pyarrow as pa

from swift_deepeyes.dataset.image_check import BadImageError, Entry, as_entry
from swift_deepeyes.preparation.columns import IMAGES, kept_unknown, output_schema
from swift_deepeyes.preparation.facts import RowFacts, facts_of
from swift_deepeyes.preparation.images import ImageJob, PreparedImage
from swift_deepeyes.preparation.issue import RowIssue
from swift_deepeyes.preparation.normalised import NormalisedRow, Shape, align
from swift_deepeyes.preparation.parts import PART_BYTES, PART_ROWS, WorkFolder
from swift_deepeyes.preparation.pool import ImagePool
from swift_deepeyes.preparation.recipe import Recipe
from swift_deepeyes.preparation.source import Source

CHUNK_ROWS = 4  # per call of a worker

TreatedRow = tuple[NormalisedRow, list[PreparedImage]]
RowCount = Callable[[int], None]


def convert(
    source: Source, recipe: Recipe, work: WorkFolder, pool: ImagePool, on_rows: RowCount
) -> None:
    """Turn the whole source file into parts; `on_rows` hears of each further number of rows."""
    parts_done, rows_done = work.open()
    on_rows(rows_done)
    extra = kept_unknown(source.schema, recipe)
    schema = output_schema(source.schema, recipe)
    raw = source.read(rows_done)
    shape = Shape(source.conversation, extra, source.names_toolboxes())
    aligned = (align(row, shape, recipe) for row in raw)
    rows = _treated(aligned, recipe, pool)
    for part in count(parts_done):
        batch = list(_up_to_a_part(rows))
        if not batch:
            return
        facts = [
            facts_of(number, row, pictures, recipe.dropped)
            for number, (row, pictures) in enumerate(batch, rows_done)
        ]
        work.write(part, _table(batch, facts, schema), facts)
        rows_done += len(batch)
        on_rows(len(batch))


def _treated(
    rows: Iterator[NormalisedRow], recipe: Recipe, pool: ImagePool
) -> Iterator[TreatedRow]:
    def jobs_of(chunk: list[NormalisedRow]) -> list[ImageJob]:
        return [_job(row, recipe) for row in chunk]

    for chunk, pictures in pool.treat_in_order(_chunks(rows), jobs_of, _encoded_bytes):
        yield from zip(chunk, pictures, strict=True)


def _job(row: NormalisedRow, recipe: Recipe) -> ImageJob:
    images = () if RowIssue.EXCLUDED_CHART in row.flaws else row.images
    return ImageJob(images, recipe.limits(row.data_source))


def _chunks(rows: Iterator[NormalisedRow]) -> Iterator[list[NormalisedRow]]:
    while chunk := list(islice(rows, CHUNK_ROWS)):
        yield chunk


def _up_to_a_part(rows: Iterator[TreatedRow]) -> Iterator[TreatedRow]:
    held = 0
    for number, (row, pictures) in enumerate(rows, 1):
        yield row, pictures
        held += _encoded_bytes([row])
        if number == PART_ROWS or held >= PART_BYTES:
            return


def _encoded_bytes(rows: Iterable[NormalisedRow]) -> int:
    contents = (
        image.get("bytes") if isinstance(image, dict) else image
        for row in rows
        for image in row.images
    )
    return sum(len(content) for content in contents if isinstance(content, bytes | str))


def _table(batch: list[TreatedRow], facts: list[RowFacts], schema: pa.Schema) -> pa.Table:
    rows = [
        _columns(row, pictures)
        for (row, pictures), fact in zip(batch, facts, strict=True)
        if fact.is_written
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def _columns(row: NormalisedRow, pictures: list[PreparedImage]) -> dict[str, Any]:
    entries = [
        picture.changed or _unchanged(image)
        for image, picture in zip(row.images, pictures, strict=True)
    ]
    return {**row.columns, IMAGES: entries}


def _unchanged(image: object) -> Entry:
    try:
        entry = as_entry(image)
    except BadImageError:  # kept by choice
        return {"bytes": None, "path": None}
    return {"bytes": entry["bytes"], "path": entry["path"] or None}

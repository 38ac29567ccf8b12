"""One source file, from its first row to its section of the report. Goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import count, islice
from pathlib import Path
from typing import Any

import PIL
import pyarrow as pa

from swift_deepeyes.dataset.columns import IMAGES
from swift_deepeyes.dataset.images import BadImageError, Entry, as_entry
from swift_deepeyes.preparation.choices import ChartPolicy, RowIssue
from swift_deepeyes.preparation.facts import RowFacts, facts_of
from swift_deepeyes.preparation.images import ImageJob, ImagePool, PreparedImage
from swift_deepeyes.preparation.normalised import NormalisedRow, Normaliser
from swift_deepeyes.preparation.parts import PART_BYTES, PART_ROWS, Side, WorkFolder, assemble
from swift_deepeyes.preparation.recipe import CHART_SOURCE, Recipe
from swift_deepeyes.preparation.report import FileReport, file_name
from swift_deepeyes.preparation.source import Source
from swift_deepeyes.preparation.tally import FileCounts
from swift_deepeyes.progress import Progress

FORMAT = 3
"""Part of every fingerprint: raise it when the same recipe begins to give other bytes."""

WORK_FOLDER = ".prepare"
CHUNK_ROWS = 4  # per call of a worker

TreatedRow = tuple[NormalisedRow, list[PreparedImage]]


@dataclass(frozen=True)
class Job:
    """What to make of one source file, and where."""

    name: str
    source: Source
    recipe: Recipe
    out: Path

    @cached_property
    def fingerprint(self) -> str:
        """The same for what gives the same bytes: source, recipe, and who writes them."""
        parts = (
            str(FORMAT),
            self.source.identity(),
            self.recipe.model_dump_json(),
            PIL.__version__,
            pa.__version__,
        )
        return sha256("\n".join(parts).encode()).hexdigest()

    @property
    def outputs(self) -> dict[Side, Path]:
        """The prepared files; each is there only if it has rows."""
        return {side: self.out / file_name(self.name, side) for side in Side}

    @property
    def work(self) -> WorkFolder:
        """The parts."""
        return WorkFolder(self.out / WORK_FOLDER / self.name, self.fingerprint)

    def is_done(self, report: FileReport) -> bool:
        """Whether this is the report of this very job, and its files are there."""
        sizes = [_bytes_of(path) for path in self.outputs.values()]
        return report.fingerprint == self.fingerprint and sizes == [
            report.bytes_train,
            report.bytes_validation,
        ]


def prepare_file(job: Job, pool: ImagePool, progress: Progress) -> FileReport:
    """Do the job; parts of an earlier run are used, and removed by the caller at the end."""
    recipe = job.recipe
    counts = FileCounts(recipe.dropped)
    if _is_excluded_whole(job):
        counts.add_excluded(job.source.rows, CHART_SOURCE)
        for path in job.outputs.values():
            path.unlink(missing_ok=True)
        return _report(job, counts, dict.fromkeys(Side, 0), progress)
    normaliser = Normaliser(job.source, recipe)
    progress.begin(f"{job.name}: rows", job.source.rows)
    _write_parts(job, normaliser, pool, progress)
    for facts in job.work.facts():
        for row in facts:
            counts.add(row)
    left_out = counts.left_out_later()
    progress.begin(f"{job.name}: writing", counts.rows)
    rows = assemble(
        job.work, normaliser.schema(), job.outputs, recipe.validation, left_out, progress.advance
    )
    return _report(job, counts, rows, progress)


def _is_excluded_whole(job: Job) -> bool:
    """Whether every row is a chart's that nobody wants: such a file is not read at all."""
    excluded = job.recipe.chart is ChartPolicy.EXCLUDE
    dropped = RowIssue.EXCLUDED_CHART in job.recipe.dropped
    return excluded and dropped and job.source.data_sources() == {CHART_SOURCE}


def _write_parts(job: Job, normaliser: Normaliser, pool: ImagePool, progress: Progress) -> None:
    """Turn the source file into parts, but for those that an earlier run has made."""
    work = job.work
    parts_done, rows_done = work.open()
    progress.advance(rows_done)
    rows = _treated(map(normaliser.row, job.source.read(rows_done)), job.recipe, pool)
    for part in count(parts_done):
        batch = list(_up_to_a_part(rows))
        if not batch:
            return
        facts = [
            facts_of(number, row, images, job.recipe.dropped)
            for number, (row, images) in enumerate(batch, rows_done)
        ]
        work.write(part, _table(batch, facts, normaliser.schema()), facts)
        rows_done += len(batch)
        progress.advance(len(batch))


def _treated(
    rows: Iterator[NormalisedRow], recipe: Recipe, pool: ImagePool
) -> Iterator[TreatedRow]:
    def jobs_of(chunk: list[NormalisedRow]) -> list[ImageJob]:
        return [
            ImageJob(
                () if RowIssue.EXCLUDED_CHART in row.issues else row.images,
                recipe.limits(row.data_source),
            )
            for row in chunk
        ]

    chunks = iter(lambda: list(islice(rows, CHUNK_ROWS)), [])
    for chunk, images in pool.treat_in_order(chunks, jobs_of, _encoded_bytes):
        yield from zip(chunk, images, strict=True)


def _up_to_a_part(rows: Iterator[TreatedRow]) -> Iterator[TreatedRow]:
    held = 0
    for number, (row, images) in enumerate(rows, 1):
        yield row, images
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
    rows: list[dict[str, Any]] = []
    for (row, prepared), fact in zip(batch, facts, strict=True):
        if fact.is_written:
            pairs = zip(row.images, prepared, strict=True)
            entries = [new.changed or _unchanged(image) for image, new in pairs]
            rows.append({**row.columns, IMAGES: entries})
    return pa.Table.from_pylist(rows, schema=schema)


def _unchanged(image: object) -> Entry:
    try:
        entry = as_entry(image)
    except BadImageError:  # kept by choice
        return {"bytes": None, "path": None}
    return {"bytes": entry["bytes"], "path": entry["path"] or None}


def _report(job: Job, counts: FileCounts, rows: dict[Side, int], progress: Progress) -> FileReport:
    if counts.math_references:
        progress.begin(f"{job.name}: math references", len(counts.math_references))
    return FileReport(
        name=job.name,
        source=job.source.path.name,
        fingerprint=job.fingerprint,
        recipe=job.recipe,
        rows_in=counts.rows,
        rows_train=rows[Side.TRAIN],
        rows_validation=rows[Side.VALIDATION],
        bytes_train=_bytes_of(job.outputs[Side.TRAIN]),
        bytes_validation=_bytes_of(job.outputs[Side.VALIDATION]),
        dropped=dict(sorted(counts.dropped.items())),
        issues=dict(sorted(counts.issues.items())),
        examples=dict(sorted(counts.examples.items())),
        contradictions=counts.contradictions.groups(),
        duplicates=counts.contradictions.duplicates,
        data_sources=dict(sorted(counts.data_sources.items())),
        kinds=dict(sorted(counts.kinds().items())),
        math=counts.math_report(progress.advance),
        images=counts.image_report(),
        unknown_columns=job.source.unknown_columns(),
        prompts=dict(sorted(counts.prompts.items())),
    )


def _bytes_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0

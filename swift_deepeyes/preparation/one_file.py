"""One source file, from its first row to its section of the report."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import PIL
import pyarrow as pa

from swift_deepeyes.preparation.assembly import assemble
from swift_deepeyes.preparation.choices import ChartPolicy
from swift_deepeyes.preparation.columns import output_schema, unknown_columns
from swift_deepeyes.preparation.convert import convert
from swift_deepeyes.preparation.issue import RowIssue
from swift_deepeyes.preparation.parts import WorkFolder
from swift_deepeyes.preparation.pool import ImagePool
from swift_deepeyes.preparation.progress import Progress
from swift_deepeyes.preparation.recipe import CHART_SOURCE, Recipe
from swift_deepeyes.preparation.registration import file_name
from swift_deepeyes.preparation.report import FileReport
from swift_deepeyes.preparation.source import Source
from swift_deepeyes.preparation.split import Side
from swift_deepeyes.preparation.tally import FileCounts, tally_of

logger = logging.getLogger(__name__)

FORMAT = 2
"""Part of every fingerprint: raise it when the same recipe begins to give other bytes."""

WORK_FOLDER = ".prepare"


@dataclass(frozen=True)
class Job:
    """What to make of one source file, and where."""

    name: str
    source: Source
    recipe: Recipe
    out: Path

    @property
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


def prepare_file(job: Job, pool: ImagePool, progress: Progress) -> FileReport:
    """Do the job; parts of an earlier run are used, and removed by the caller at the end."""
    if _is_excluded_whole(job):
        tally = FileCounts(job.recipe.dropped)
        tally.add_excluded(job.source.rows, CHART_SOURCE)
        for path in job.outputs.values():
            path.unlink(missing_ok=True)
        return _report(job, tally, dict.fromkeys(Side, 0), progress)
    work = job.work
    progress.begin(f"{job.name}: rows", job.source.rows)
    convert(job.source, job.recipe, work, pool, progress.advance)
    tally = tally_of(work.facts(), job.recipe.dropped)
    left_out = tally.left_out_later()
    schema = output_schema(job.source.schema, job.recipe)
    progress.begin(f"{job.name}: writing", tally.rows)
    fraction = job.recipe.validation
    rows = assemble(work, schema, job.outputs, fraction, left_out, progress.advance)
    return _report(job, tally, rows, progress)


def is_complete(file: FileReport, job: Job) -> bool:
    """Whether this is the report of this very job, and its files are there."""
    return file.fingerprint == job.fingerprint and all(
        _bytes_of(path) == size
        for path, size in zip(
            job.outputs.values(), (file.bytes_train, file.bytes_validation), strict=True
        )
    )


def _is_excluded_whole(job: Job) -> bool:
    """Whether every row is a chart's that nobody wants: such a file is not read at all."""
    excluded = job.recipe.chart is ChartPolicy.EXCLUDE
    dropped = RowIssue.EXCLUDED_CHART in job.recipe.dropped
    return excluded and dropped and job.source.data_sources() == {CHART_SOURCE}


def _report(job: Job, tally: FileCounts, rows: dict[Side, int], progress: Progress) -> FileReport:
    if tally.math_references:
        progress.begin(f"{job.name}: math references", len(tally.math_references))
    return FileReport(
        name=job.name,
        source=job.source.path.name,
        fingerprint=job.fingerprint,
        recipe=job.recipe,
        rows_in=tally.rows,
        rows_train=rows[Side.TRAIN],
        rows_validation=rows[Side.VALIDATION],
        bytes_train=_bytes_of(job.outputs[Side.TRAIN]),
        bytes_validation=_bytes_of(job.outputs[Side.VALIDATION]),
        dropped=dict(sorted(tally.dropped.items())),
        flaws=dict(sorted(tally.flaws.items())),
        examples=dict(sorted(tally.examples.items())),
        contradictions=list(tally.contradictions.groups()),
        duplicates=tally.contradictions.duplicates,
        data_sources=dict(sorted(tally.data_sources.items())),
        kinds=dict(sorted(tally.kinds().items())),
        math=tally.math_report(progress.advance),
        images=tally.image_report(),
        unknown_columns=unknown_columns(job.source.schema),
    )


def _bytes_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0

"""The whole of `swift-deepeyes prepare`: sources in; files, report and registration out."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from swift_deepeyes.dataset.published import DATASET_INFO, PUBLISHED
from swift_deepeyes.errors import PrepareError
from swift_deepeyes.preparation.images import ImagePool
from swift_deepeyes.preparation.job import WORK_FOLDER, Job, prepare_file
from swift_deepeyes.preparation.recipe import Recipe
from swift_deepeyes.preparation.report import (
    PreparationReport,
    dataset_name,
    read_report,
    write_dataset_info,
    write_report,
)
from swift_deepeyes.preparation.source import Source
from swift_deepeyes.progress import Progress

logger = logging.getLogger(__name__)


def prepare(
    inputs: Sequence[Path], out: Path, recipe: Recipe, workers: int, progress: Progress
) -> PreparationReport:
    """Prepare files into `out`; what an interrupted run has done is not done again.

    `inputs` are Parquet files, or folders of them. The report is that of the folder: files that
    earlier calls prepared into it stay in it, and stay registered. Raises `PrepareError`.
    """
    paths = find_sources(inputs, out)
    out.mkdir(parents=True, exist_ok=True)
    report = read_report(out)
    with _alone_in(out), ImagePool(workers) as pool:
        for name, path in paths.items():
            with closing(Source(path)) as source:
                job = Job(name, source, recipe, out)
                known = report.files.get(name)
                if known is not None and job.is_done(known):
                    logger.info("%s is already prepared from this file in this way", name)
                else:
                    report = report.with_file(prepare_file(job, pool, progress))
            write_report(out, report)
            write_dataset_info(out, report)
            job.work.remove()
        with suppress(OSError):  # parts of a file that was not asked for this time
            (out / WORK_FOLDER).rmdir()
    logger.info("Registered in %s", out / DATASET_INFO)
    return report


def find_sources(inputs: Sequence[Path], out: Path) -> dict[str, Path]:
    """The source files by dataset name. Raises `PrepareError`."""
    found: dict[str, Path] = {}
    for path in (path for given in inputs for path in _files_of(given)):
        if path.resolve().parent == out.resolve():
            raise PrepareError(f"{path}: --out must be another folder than the data's")
        if any("\ud800" <= sign <= "\udfff" for sign in str(path)):  # JSON files hold the name
            raise PrepareError(f"{path}: the name is not UTF-8; rename it")
        name = dataset_name(path)
        if name in found and found[name].resolve() != path.resolve():
            raise PrepareError(f"{path} and {found[name]} would both become {name}")
        found[name] = path
    return found


def _files_of(given: Path) -> list[Path]:
    if not given.is_dir():
        return [given]
    published = [given / name for name in PUBLISHED if (given / name).is_file()]
    files = published or sorted(given.glob("*.parquet"))
    if not files:
        raise PrepareError(f"{given}: no Parquet file in this folder")
    return files


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Two runs into one folder would write into each other's parts."""
    with (out / f"{WORK_FOLDER}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PrepareError(f"{out}: another preparation into this folder is running") from None
        yield

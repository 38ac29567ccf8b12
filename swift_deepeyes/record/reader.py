"""A log directory read into memory, tolerant of what a killed or running writer leaves behind.

Lines that cannot be read are skipped and counted, never silently: the counts go to the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.record.lines import Skipped, read_lines, read_metrics
from swift_deepeyes.record.record import (
    IMAGES_FOLDER,
    METRICS_FILE,
    RUN_FILE,
    TRAJECTORIES_FOLDER,
    LoggedTrajectory,
    MetricsLine,
    RunInfo,
)


class LogError(DeepEyesError):
    """There is nothing to show; `str(error)` tells the user what was looked for and where."""


@dataclass(frozen=True, slots=True)
class LogDirectory:
    """Everything in one log directory, trajectories by step, then group, then id."""

    path: Path
    trajectories: tuple[LoggedTrajectory, ...]
    metrics: tuple[MetricsLine, ...]
    run: RunInfo | None
    skipped: Skipped

    def image_path(self, name: str) -> Path | None:
        """The file of an image; None where the name is no plain file name (a log is untrusted)."""
        if not name or name in {".", ".."} or "/" in name or "\\" in name or "\0" in name:
            return None
        return self.path / IMAGES_FOLDER / name


def read_log(path: Path) -> LogDirectory:
    """Read a log directory. Raises `LogError` where there is no trajectory in it."""
    if not path.is_dir():
        raise LogError(f"{path} is not a directory.")
    found = (path / TRAJECTORIES_FOLDER).glob("*.jsonl")
    files = sorted(file for file in found if file.is_file())
    if not files:
        raise LogError(
            f"There is no log in {path}: no {TRAJECTORIES_FOLDER}/*.jsonl. "
            "Training writes one where DEEPEYES_LOG_DIR is set, evaluation in its output folder."
        )
    skipped = Skipped()
    by_id: dict[str, LoggedTrajectory] = {}
    for file in files:
        lines = read_lines(file, LoggedTrajectory)
        skipped.add(lines.skipped)
        for item in lines.items:
            # A run that was killed and resumed writes some trajectories twice; the last one counts.
            skipped.repeated += item.id in by_id
            by_id[item.id] = item
    if not by_id:
        raise LogError(_nothing_readable(path, files, skipped))
    metrics: tuple[MetricsLine, ...] = ()
    if (path / METRICS_FILE).is_file():
        lines_of_metrics = read_metrics(path / METRICS_FILE)
        metrics = tuple(lines_of_metrics.items)
        skipped.add(lines_of_metrics.skipped)
    return LogDirectory(
        path=path,
        trajectories=tuple(sorted(by_id.values(), key=_order)),
        metrics=metrics,
        run=_read_run(path / RUN_FILE),
        skipped=skipped,
    )


def _order(item: LoggedTrajectory) -> tuple[int, str, str]:
    return item.step, item.group, item.id


def _nothing_readable(path: Path, files: list[Path], skipped: Skipped) -> str:
    lines = skipped.half_written + skipped.unreadable
    where = f"{path / TRAJECTORIES_FOLDER} ({len(files)} files)"
    if lines == 0:
        return f"The trajectory files in {where} are empty: nothing was written yet."
    return f"None of the {lines} lines in {where} could be read as a trajectory."


def _read_run(file: Path) -> RunInfo | None:
    """The run's description is a courtesy: without it the page has no subtitle."""
    try:
        return RunInfo.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None

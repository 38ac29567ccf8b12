"""Writes trajectories to a log directory, off the caller's thread, and never stops a run.

Images are stored when a batch is scored (they are large and soon gone), its lines when the trainer
has given rewards and advantages: `stage`, then `write`. One thread does both, in order. Whatever
the disk does, there is one error line in the log, writing ends, and training goes on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swift_deepeyes.counted import counted
from swift_deepeyes.dataset.image_content import image_bytes, image_name
from swift_deepeyes.files import write_whole
from swift_deepeyes.frozen import FrozenModel, valid_text
from swift_deepeyes.record.files import append_lines, store_image
from swift_deepeyes.record.quota import lines_name, prune
from swift_deepeyes.record.record import (
    ALARMS_FILE,
    IMAGES_FOLDER,
    METRICS_FILE,
    RUN_FILE,
    TRAJECTORIES_FOLDER,
    AlarmLine,
    LoggedTrajectory,
    MetricsLine,
    RunInfo,
)

logger = logging.getLogger(__name__)

_WAITING_JOBS = 16
"""More means that the disk is slower than the training: then batches are left out, not queued."""

_FILES_PER_LIMIT = 16
"""A process begins a new file of lines often enough that pruning goes in steps of this size."""

_CLOSE_SECONDS = 60.0
_SETTLE_POLL_SECONDS = 0.05

_MAX_DEPTH = 400
"""Of nested arguments: readers of JSON stop somewhere beyond."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What one process has of the directory: which rank, of how many, and the size of all."""

    rank: int = 0
    ranks: int = 1
    limit_bytes: int = 20 * 10**9
    prunes: bool = True  # one process of a machine is enough

    @property
    def file_bytes(self) -> int:
        """From this size on, images included, a new file of lines begins."""
        return max(self.limit_bytes // (_FILES_PER_LIMIT * self.ranks), 1)


@dataclass(slots=True)
class Staged:
    """A batch whose images are being stored; `names` are filled in by the writing thread."""

    since: float = field(default_factory=time.time)
    names: list[tuple[str, ...]] = field(default_factory=list)
    is_lost: bool = False


class TrajectoryLog:
    """The writer of one process. No method raises, and but for `settle` all return at once."""

    def __init__(self, folder: Path, quota: Quota | None = None) -> None:
        self._folder = folder
        self._quota = quota or Quota()
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING_JOBS)
        self._lines: Path | None = None
        self._bytes = 0  # written since the file of lines began, images included
        self._has_failed = False
        self._lost_batches = 0
        self._thread = threading.Thread(target=self._work, name="deepeyes-log", daemon=True)
        self._thread.start()
        self._put(self._make_folders)

    def stage(self, images: Sequence[Sequence[object]]) -> Staged:
        """Begin to store the images of a batch, one sequence per trajectory."""
        staged = Staged()
        staged.is_lost = not self._put(lambda: self._store(staged, images))
        self._lost_batches += staged.is_lost
        return staged

    def write(self, staged: Staged, records: Sequence[LoggedTrajectory]) -> None:
        """Write the lines of a staged batch, in the order of its images."""
        if not staged.is_lost and not self._put(lambda: self._write(staged, records)):
            self._lost_batches += 1

    def write_metrics(self, line: MetricsLine) -> None:
        """Append a step's metrics."""
        self._put(lambda: self._append(self._folder / METRICS_FILE, [line]))

    def write_alarm(self, line: AlarmLine) -> None:
        """Append an alarm."""
        self._put(lambda: self._append(self._folder / ALARMS_FILE, [line]))

    def write_run(self, info: RunInfo) -> None:
        """Say what the run is."""
        content = info.model_dump_json(indent=2).encode() + b"\n"
        self._put(lambda: write_whole(self._folder / RUN_FILE, content))

    def settle(self, seconds: float = _CLOSE_SECONDS) -> bool:
        """Wait until what was given so far is written; False where it takes longer than this."""
        until, done = time.monotonic() + seconds, threading.Event()
        while not self._has_failed and not self._put(done.set):
            if time.monotonic() > until:
                return False
            time.sleep(_SETTLE_POLL_SECONDS)
        while not self._has_failed and not done.wait(_SETTLE_POLL_SECONDS):
            if time.monotonic() > until:
                return False
        return not self._has_failed

    def close(self) -> None:
        """Write what is waiting, and end. May be called twice."""
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):  # then the disk hangs, and the thread is a daemon
                self._jobs.put(None, timeout=_CLOSE_SECONDS)
            self._thread.join(_CLOSE_SECONDS)
        if self._lost_batches and not self._has_failed:  # why, was said then
            lost = counted(self._lost_batches, "batch", "batches")
            logger.warning("%s not logged: the disk is slow", lost)
            self._lost_batches = 0

    def _put(self, job: Callable[[], None]) -> bool:
        if self._has_failed:
            return False
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._has_failed:
                continue
            try:
                job()
            # Whatever it is, it is the log's own trouble: a run of days must not end for it.
            except Exception as error:
                self._has_failed = True
                logger.error(
                    "Trajectories are no longer logged to %s, which is DEEPEYES_LOG_DIR "
                    "(training goes on): %s: %s",
                    self._folder,
                    type(error).__name__,
                    error,
                )

    def _make_folders(self) -> None:
        for name in (TRAJECTORIES_FOLDER, IMAGES_FOLDER):
            (self._folder / name).mkdir(parents=True, exist_ok=True)

    def _store(self, staged: Staged, images: Sequence[Sequence[object]]) -> None:
        for of_trajectory in images:
            staged.names.append(tuple(map(self._store_image, of_trajectory)))

    def _store_image(self, image: object) -> str:
        content = image_bytes(image)
        name = image_name(content) if content is not None else None
        if content is None or name is None:
            return ""
        self._bytes += store_image(self._folder, name, content)
        return name

    def _write(self, staged: Staged, records: Sequence[LoggedTrajectory]) -> None:
        if self._lines is None or self._bytes > self._quota.file_bytes or not self._lines.exists():
            name = lines_name(self._quota.rank, staged.since)
            self._lines, self._bytes = self._folder / TRAJECTORIES_FOLDER / name, 0
            if self._quota.prunes:
                prune(self._folder, self._quota.limit_bytes)
        named = [
            record.model_copy(update={"images": names})
            for record, names in zip(records, staged.names, strict=True)
        ]
        self._append(self._lines, named)

    def _append(self, path: Path, items: Sequence[FrozenModel]) -> None:
        lines = [line for line in map(line_of, items) if line is not None]
        if len(lines) < len(items):
            lost = counted(len(items) - len(lines), "trajectory", "trajectories")
            logger.warning("%s cannot be written as JSON", lost)
        self._bytes += append_lines(path, lines)


def line_of(item: FrozenModel) -> bytes | None:
    """One line of JSON that can be read again, whatever a model wrote; None where there is none.

    Calls whose arguments are nested deeper than JSON is read are written without them: the turn's
    text has them.
    """
    line = _json(item)
    if line is None and isinstance(item, LoggedTrajectory):
        line = _json(_without_arguments(item))
    return line


def _json(item: FrozenModel) -> bytes | None:
    try:
        return item.model_dump_json().encode()
    except ValueError:  # pydantic's: half an emoji is no valid Unicode, endless depth no valid JSON
        pass
    try:
        return json.dumps(_plain(item.model_dump())).encode()
    except (ValueError, RecursionError):
        return None


def _without_arguments(item: LoggedTrajectory) -> LoggedTrajectory:
    turns = tuple(
        turn.model_copy(
            update={"calls": tuple(c.model_copy(update={"arguments": None}) for c in turn.calls)}
        )
        for turn in item.trajectory.turns
    )
    return item.model_copy(
        update={"trajectory": item.trajectory.model_copy(update={"turns": turns})}
    )


def _plain(value: Any, depth: int = 0) -> Any:
    """The value with a `?` for what is not valid Unicode, and None for numbers JSON lacks."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_plain(key): _plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, depth + 1) for part in value]
    return value

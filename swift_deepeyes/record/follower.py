"""A log directory that is being written: what is new since the last look, read once.

Lines are read by `reader`, with its tolerance; here is only which bytes are new. A line counts when
its end is there: what a writer has begun is read at the next look. Of the trajectories that are
there at the first look only the last ones are read, as a log may hold gigabytes of them; metrics
and alarms are small and are read from their beginning. A file that became shorter has lost lines
that were superseded: what it still has was read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from swift_deepeyes.record.reader import (
    Lines,
    LogError,
    ModelT,
    Skipped,
    finite,
    read_run,
    take_line,
    trajectory_files,
)
from swift_deepeyes.record.record import (
    ALARMS_FILE,
    METRICS_FILE,
    RUN_FILE,
    AlarmLine,
    LoggedTrajectory,
    MetricsLine,
    RunInfo,
)

TAIL_BYTES = 8 * 2**20
"""Of the trajectories that are there at the first look: a second or two of reading."""

_LEAST_TAIL = 2**20  # of one file: several lines, however long


@dataclass(frozen=True, slots=True)
class NewLines:
    """What was written since the last look, of each file in its order.

    `run` is as it is now; `skipped` counts the lines of this look that cannot be read.
    """

    trajectories: tuple[LoggedTrajectory, ...]
    metrics: tuple[MetricsLine, ...]
    alarms: tuple[AlarmLine, ...]
    run: RunInfo | None
    skipped: Skipped


@dataclass(slots=True)
class _Place:
    """How far a file was read; `inode` tells another file of the same name."""

    inode: int
    offset: int = 0


@dataclass(slots=True)
class LogFollower:
    """Reads a log directory again and again; nothing is opened before the first look."""

    path: Path
    tail_bytes: int = TAIL_BYTES
    is_partial: bool = False
    """Whether there were more trajectories at the first look than were read."""

    _places: dict[Path, _Place] = field(default_factory=dict)
    _unopened: set[Path] = field(default_factory=set)
    _has_looked: bool = False

    def look(self) -> NewLines:
        """What is new. Raises `LogError` where there is no such directory."""
        if not self.path.is_dir():
            raise LogError(
                f"{self.path} is not a directory. Training makes it when it begins, "
                "where DEEPEYES_LOG_DIR names it."
            )
        files = trajectory_files(self.path)
        if not self._has_looked:
            self._skip_to_tails(files)
        for gone in self._places.keys() - {
            *files,
            self.path / METRICS_FILE,
            self.path / ALARMS_FILE,
        }:
            del self._places[gone]  # another file may get its name, and its inode
        skipped = Skipped()
        trajectories = [one for file in files for one in self._new(file, LoggedTrajectory, skipped)]
        metrics = self._new(self.path / METRICS_FILE, MetricsLine, skipped)
        alarms = self._new(self.path / ALARMS_FILE, AlarmLine, skipped)
        self._has_looked = True
        return NewLines(
            trajectories=tuple(trajectories),
            metrics=tuple(map(finite, metrics)),
            alarms=tuple(alarms),
            run=read_run(self.path / RUN_FILE),
            skipped=skipped,
        )

    def _skip_to_tails(self, files: list[Path]) -> None:
        """Begin near the end of what is there: of the newest files, alike in each."""
        by_age = sorted(((_status(file), file) for file in files), key=lambda one: one[0].st_mtime)
        share = max(self.tail_bytes // max(len(files), 1), _LEAST_TAIL)
        left = self.tail_bytes
        for status, file in reversed(by_age):
            tail = min(share, left, status.st_size)
            left -= tail
            if tail < status.st_size:
                self.is_partial = True
                self._places[file] = _Place(status.st_ino, status.st_size - tail)

    def _new(self, file: Path, model: type[ModelT], skipped: Skipped) -> list[ModelT]:
        """The new lines of a file; none where it is not there (yet, or any more)."""
        read: Lines[ModelT] = Lines([], skipped, [])
        try:
            with file.open("rb") as lines:
                place = self._place(file, os.fstat(lines.fileno()), lines)
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    place.offset += len(line)
                    if line.strip():
                        take_line(line, model, read)
        except FileNotFoundError:
            self._places.pop(file, None)
        except OSError:
            skipped.unreadable += file not in self._unopened
            self._unopened.add(file)
        return read.items

    def _place(self, file: Path, status: os.stat_result, lines: BinaryIO) -> _Place:
        """Where to go on, with `lines` brought there: always the beginning of a line."""
        place = self._places.get(file)
        if place is None or place.inode != status.st_ino:
            place = self._places[file] = _Place(status.st_ino)
        place.offset = min(place.offset, status.st_size)
        if place.offset and not self._has_looked:
            lines.seek(place.offset - 1)
            place.offset += len(lines.readline()) - 1  # the line that the tail cuts
        lines.seek(place.offset)
        return place


def _status(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except OSError:  # pruned since it was listed
        return os.stat_result((0,) * 10)

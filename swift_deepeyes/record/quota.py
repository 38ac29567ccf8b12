"""Keeps a log directory below a size: the oldest lines go, and the images that only they showed.

Who shows an image is not looked up, times tell it: using an image moves its time forward, and the
name of a file of lines holds the time before which none of its images was last used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from swift_deepeyes.record.record import (
    IMAGES_FOLDER,
    SUPERSEDED_FOLDER,
    TRAJECTORIES_FOLDER,
)

_KEPT_SHARE = 0.9
"""Pruning goes a little below the limit, so that it is not due again at once."""

_CLOCK_SECONDS = 60
"""How far the clocks of machines that share a directory may be apart."""

_NAME = re.compile(r"rank\d+-(\d+)-\d+\.jsonl")


def lines_name(rank: int, since: float) -> str:
    """A new name for a file of lines whose images were all used at `since` or later (seconds)."""
    return f"rank{rank:04d}-{int(since * 1000)}-{os.getpid()}.jsonl"


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    modified: float  # seconds since the epoch

    @property
    def since(self) -> float:
        """The time that the name holds; 0 for files that others wrote."""
        match = _NAME.fullmatch(self.path.name)
        return int(match[1]) / 1000 - _CLOCK_SECONDS if match else 0.0


def prune(folder: Path, limit_bytes: int) -> int:
    """Remove what is too much, what was superseded first, then the oldest; returns how many bytes.

    The youngest file of lines stays, whatever its size.
    """
    lines = sorted(_files(folder / TRAJECTORIES_FOLDER), key=lambda file: file.modified)
    lines = [*_superseded(folder), *lines]
    images = sorted(_files(folder / IMAGES_FOLDER), key=lambda file: file.modified)
    size = sum(file.size for file in [*lines, *images])
    if size <= limit_bytes:
        return 0
    removed = 0
    while len(lines) > 1 and size - removed > limit_bytes * _KEPT_SHARE:
        removed += _remove(lines.pop(0))
        needed_since = min(file.since for file in lines)
        while images and images[0].modified < needed_since:
            removed += _remove(images.pop(0))
    return removed


def _superseded(folder: Path) -> list[_File]:
    folders = (folder / SUPERSEDED_FOLDER).glob(f"*/{TRAJECTORIES_FOLDER}")
    files = (file for one in folders for file in _files(one))
    return sorted(files, key=lambda file: file.modified)


def _remove(file: _File) -> int:
    file.path.unlink(missing_ok=True)  # several processes may prune one directory
    return file.size


def _files(folder: Path) -> Iterator[_File]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        try:
            status = entry.stat()
        except FileNotFoundError:
            continue
        yield _File(Path(entry.path), status.st_size, status.st_mtime)

"""Lines of steps that are trained again: set aside, so that no step is there twice.

A run that begins after step N owns the log from there on. What an interrupted run, or one that was
given up, has written of later steps goes as it is into `superseded/NAME/`, a log directory of its
own that every reader opens. So readers know nothing of it, and nothing is lost.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from pydantic_core import from_json

from swift_deepeyes.files import replacing
from swift_deepeyes.record.reader import trajectory_files
from swift_deepeyes.record.record import (
    ALARMS_FILE,
    IMAGES_FOLDER,
    METRICS_FILE,
    RUN_FILE,
    SUPERSEDED_FOLDER,
)


def set_aside(folder: Path, step: int, name: str) -> int:
    """Move the lines of steps after `step` to `superseded/NAME`, and return how many they were.

    Nobody may write into the directory meanwhile. Raises `OSError`.
    """
    aside = folder / SUPERSEDED_FOLDER / name
    files = [*trajectory_files(folder), folder / METRICS_FILE, folder / ALARMS_FILE]
    present = [file for file in files if file.is_file()]
    moved = sum(_move(file, aside / file.relative_to(folder), step) for file in present)
    if moved:
        _complete(folder, aside)
    return moved


def _complete(folder: Path, aside: Path) -> None:
    """Make what was set aside a log directory: with its run, and the images that are shared."""
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(folder / RUN_FILE, aside / RUN_FILE)
    # Not every file system has links; the viewer then says that the images are missing.
    with contextlib.suppress(OSError):
        (aside / IMAGES_FOLDER).symlink_to(Path("..", "..", IMAGES_FOLDER))


def _move(file: Path, aside: Path, step: int) -> int:
    """Move a file's later lines, which are its end: steps rise in what one process writes.

    Earlier lines after them (a log of before there was this rule) are written back.
    """
    start, offset, moved, kept = None, 0, 0, []
    with file.open("rb+") as lines:
        for line in lines:
            of_line = _step_of(line)
            if of_line is not None and of_line > step:
                moved += 1
                start = offset if start is None else start
            elif of_line is not None and start is not None:
                kept.append(line)
            offset += len(line)
        if start is None:
            return 0
        aside.parent.mkdir(parents=True, exist_ok=True)
        lines.seek(start)
        with replacing(aside, durable=True) as part, part.open("wb") as copy:
            shutil.copyfileobj(lines, copy)
        lines.truncate(start)
        lines.seek(start)
        lines.writelines(kept)
    if start == 0 and not kept:
        file.unlink()
    return moved


def _step_of(line: bytes) -> float | None:
    """None where a line does not say it: such a line stays with the one before it.

    What a killed writer left half written was the last that it wrote, later than any whole line.
    """
    try:
        step = from_json(line)["step"]
    except (ValueError, KeyError, TypeError, IndexError):
        return None if line.endswith(b"\n") else float("inf")
    return step if isinstance(step, int | float) else None

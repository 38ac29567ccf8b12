"""Files of a log directory, written so that no reader ever takes half of one for a whole.

Boundary: bytes and names; what a line means is `logged`'s, when to write is `trajectory_log`'s.
Several processes write into one directory at once, each to lines of its own, all to the images.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from swift_deepeyes.files import write_whole
from swift_deepeyes.record.record import IMAGES_FOLDER


def append_lines(path: Path, lines: Iterable[bytes]) -> int:
    """Append lines and return their bytes; a half line that a killed writer left is closed first.

    Where the disk fills up in the middle, what was written is taken back.
    """
    content = b"".join(line + b"\n" for line in lines)
    with path.open("ab+", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                content = b"\n" + content
        try:
            _write_all(file.fileno(), content)
        except OSError:
            file.truncate(end)
            raise
    return len(content)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def store_image(folder: Path, name: str, content: bytes) -> int:
    """Store an image unless it is there; returns the bytes that this took.

    Use moves a file's time forward, so that pruning can tell what is no longer used.
    """
    path = folder / IMAGES_FOLDER / name
    try:
        os.utime(path)
        return 0
    except FileNotFoundError:
        write_whole(path, content)
        return len(content)

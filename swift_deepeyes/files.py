"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(
    path: Path, temporary: Path | None = None, *, durable: bool = False
) -> Iterator[Path]:
    """Write to the path that this yields; it takes the final name when all of it is written.

    `temporary` must be on the same file system; default: beside the final file, of this process.
    `durable`: and not before it is on disk. What an exception leaves is removed.
    """
    temporary = temporary or path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        if durable:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: bytes | str, *, durable: bool = False) -> None:
    """Replace a file; readers and other writers never see a part of it. Text becomes UTF-8."""
    with replacing(path, durable=durable) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)

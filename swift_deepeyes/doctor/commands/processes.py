"""The commands that run on this machine, as Linux tells of the processes of the same user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from swift_deepeyes.doctor.commands.command import Command
from swift_deepeyes.doctor.commands.source import read_words

PROC = Path("/proc")


def running_commands(folder: Path = PROC) -> list[Command]:
    """Each `swift rlhf` and `swift rollout` once, whatever processes it has started."""
    found: dict[object, Command] = {}
    for process in sorted(folder.glob("[0-9]*"), key=lambda path: int(path.name)):
        if int(process.name) == os.getpid():
            continue
        for command in _commands(process):
            # `swift` starts torchrun, and that the ranks: all with the same flags.
            key = command.role, tuple(sorted(command.flags.items()))
            found.setdefault(key, command)
    return list(found.values())


def _commands(process: Path) -> Iterator[Command]:
    with suppress(OSError):  # it ended, or is somebody else's
        words = _texts(process / "cmdline")
        command = read_words(words, _environment(process), f"process {process.name}")
        if command is not None:
            yield command


def _environment(process: Path) -> dict[str, str]:
    pairs = (text.partition("=") for text in _texts(process / "environ"))
    return {name: value for name, _, value in pairs}


def _texts(path: Path) -> list[str]:
    return [text.decode("utf-8", "replace") for text in path.read_bytes().split(b"\0") if text]

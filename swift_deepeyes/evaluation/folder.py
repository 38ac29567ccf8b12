"""The folder of one evaluation: every finished trajectory on disk, at once and for good.

The layout is that of a training log (record/record.py), so the viewer shows both. What a killed run
left behind is read again; a folder that belongs to other settings is refused.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.evaluation.image_files import open_embedded, open_image
from swift_deepeyes.files import write_whole
from swift_deepeyes.record.reader import read_lines
from swift_deepeyes.record.record import (
    IMAGES_FOLDER,
    RUN_FILE,
    TRAJECTORIES_FOLDER,
    LoggedTrajectory,
    RunInfo,
)
from swift_deepeyes.record.writer import line_of

logger = logging.getLogger(__name__)

FINGERPRINT_FILE = "settings.json"
TRAJECTORIES_FILE = "eval.jsonl"
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}


class FolderError(DeepEyesError):
    """The folder cannot be used for this evaluation; the message says why."""


class EvaluationFolder:
    """Use it with `with`: one process at a time writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path / TRAJECTORIES_FOLDER / TRAJECTORIES_FILE
        self.lost_lines = 0
        self._sizes: dict[str, tuple[int, int]] = {}
        self._names: dict[Path, str] = {}

    def __enter__(self) -> EvaluationFolder:
        try:
            for folder in (TRAJECTORIES_FOLDER, IMAGES_FOLDER):
                (self.path / folder).mkdir(parents=True, exist_ok=True)
            self._lock = (self.path / ".lock").open("w")
        except OSError as error:
            raise FolderError(f"--out {self.path} cannot be written to: {error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FolderError(f"{self.path} is in use by another evaluation.") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.close()

    def check(self, fingerprint: Mapping[str, str]) -> None:
        """Raises `FolderError` if the folder holds an evaluation with other settings."""
        file = self.path / FINGERPRINT_FILE
        if not file.is_file():
            return
        before = _read_fingerprint(file)
        keys = sorted(before.keys() | fingerprint.keys())
        changed = [key for key in keys if before.get(key) != fingerprint.get(key)]
        if changed:
            told = "; ".join(
                f"{key} was {before.get(key)}, is now {fingerprint.get(key)}" for key in changed
            )
            raise FolderError(
                f"{self.path} holds an evaluation with other settings ({told}). "
                "Use another folder, or the same settings."
            )

    def claim(self, fingerprint: Mapping[str, str], name: str) -> None:
        """Take the folder for these settings. Raises `FolderError` if it has others."""
        self.check(fingerprint)
        if (self.path / FINGERPRINT_FILE).is_file():
            return
        started = datetime.now(UTC).isoformat(timespec="seconds")
        info = RunInfo(kind="eval", name=name, started=started, settings=fingerprint)
        self.write(RUN_FILE, info.model_dump_json(indent=2) + "\n")
        self.write(FINGERPRINT_FILE, json.dumps(dict(fingerprint), indent=2) + "\n")

    def read(self) -> dict[str, LoggedTrajectory]:
        """What is there already, by id; the last line of an id counts.

        A line that was being written when the process was killed is cut off. Another that cannot
        be read (`lost_lines` counts them) stays where it is, and is told: its trial runs again.
        """
        if not self._log.is_file():
            return {}
        content = self._log.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with self._log.open("r+b") as file:
                file.truncate(len(whole))
        lines = read_lines(self._log, LoggedTrajectory, in_full=True)
        self.lost_lines = len(lines.unread)
        for number in lines.unread:
            logger.warning("%s, line %d cannot be read", self._log, number)
        return {trajectory.id: trajectory for trajectory in lines.items}

    def append(self, trajectories: Iterable[LoggedTrajectory]) -> None:
        """Write trajectories, and return when they are on disk."""
        lines = filter(None, map(line_of, trajectories))
        with self._log.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def store(self, content: bytes) -> Path:
        """Keep an image, once per content; returns its file. Raises `UnreadableImageError`."""
        digest = sha256(content).hexdigest()[:24]
        with open_embedded(content) as image:
            name = digest + _SUFFIXES.get(image.format or "", ".img")
            self._sizes[name] = image.size
        file = self.path / IMAGES_FOLDER / name
        if not file.exists():
            write_whole(file, content)
        return file

    def keep(self, image: Path) -> str:
        """Keep an image file; returns its name in the folder of images."""
        if image not in self._names:
            inside = image.parent == self.path / IMAGES_FOLDER
            self._names[image] = image.name if inside else self.store(image.read_bytes()).name
        return self._names[image]

    def size(self, name: str) -> tuple[int, int]:
        """Width and height of a kept image."""
        if name not in self._sizes:
            with open_image(str(self.path / IMAGES_FOLDER / name)) as image:
                self._sizes[name] = image.size
        return self._sizes[name]

    def write(self, name: str, content: str) -> None:
        """Write a text file whole, or not at all."""
        write_whole(self.path / name, content)


def _read_fingerprint(file: Path) -> dict[str, str]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise FolderError(
            f"{file} cannot be read, so it is not known which settings this folder has. Use "
            "another folder."
        )
    return content

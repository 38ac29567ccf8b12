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

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from swift_deepeyes.episode.trajectory import CallRecord
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.evaluation.image_files import open_embedded, open_image
from swift_deepeyes.evaluation.reply import valid_text
from swift_deepeyes.files import write_whole
from swift_deepeyes.record.record import (
    IMAGES_FOLDER,
    RUN_FILE,
    TRAJECTORIES_FOLDER,
    LoggedTrajectory,
    RunInfo,
)

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

    def claim(self, fingerprint: Mapping[str, str], name: str) -> None:
        """Take the folder for these settings. Raises `FolderError` if it has others."""
        file = self.path / FINGERPRINT_FILE
        if file.is_file():
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
        self.lost_lines = 0
        found: dict[str, LoggedTrajectory] = {}
        for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
            try:
                trajectory = LoggedTrajectory.model_validate_json(line)
            except ValidationError as error:
                self.lost_lines += 1
                reason = error.errors(include_url=False, include_input=False)[0]["msg"]
                logger.warning("%s, line %d cannot be read: %s", self._log, number, reason)
            else:
                found[trajectory.id] = trajectory
        return found

    def append(self, trajectories: Iterable[LoggedTrajectory]) -> None:
        """Write trajectories, and return when they are on disk."""
        lines = "".join(to_line(trajectory) for trajectory in trajectories)
        with self._log.open("ab") as file:
            file.write(lines.encode())
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


def to_line(trajectory: LoggedTrajectory) -> str:
    """A line of the log that can be read again, whatever a model wrote.

    What JSON or its readers cannot carry (a lone surrogate, arguments nested too deep) is in the
    arguments of calls only: the text of a reply is checked when it comes. Such arguments are left
    out; the turn's text has them.
    """
    try:
        line = trajectory.model_dump_json()
        LoggedTrajectory.model_validate_json(line)
    except (PydanticSerializationError, ValidationError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        logger.warning("%s: a call's arguments cannot be written: %s", trajectory.id, reason)
        line = _without_arguments(trajectory).model_dump_json()
    return line + "\n"


def _without_arguments(trajectory: LoggedTrajectory) -> LoggedTrajectory:
    record = trajectory.trajectory
    turns = tuple(
        turn.model_copy(update={"calls": tuple(map(_bare, turn.calls))}) for turn in record.turns
    )
    return trajectory.model_copy(update={"trajectory": record.model_copy(update={"turns": turns})})


def _bare(call: CallRecord) -> CallRecord:
    return call.model_copy(update={"arguments": None, "name": valid_text(call.name or "")})


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

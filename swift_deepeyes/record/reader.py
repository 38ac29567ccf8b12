"""A log directory read into memory, with tolerance: the only reader of trajectories and metrics.

A log may come from a killed or running writer, from another version, or from a program of the
user's own. What cannot be read is left out and counted, never silently: a line is kept without the
values that cannot be read; only where it lacks what it cannot do without (its id, its step, its
trajectory) is all of it left out. Lines of the format before this one are converted.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from swift_deepeyes.counted import counted
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.record.format_1 import converted
from swift_deepeyes.record.record import (
    IMAGES_FOLDER,
    LOG_FORMAT,
    METRICS_FILE,
    RUN_FILE,
    TRAJECTORIES_FOLDER,
    LoggedTrajectory,
    MetricsLine,
    RunInfo,
)

ModelT = TypeVar("ModelT", bound=FrozenModel)

_MAX_DIGITS = 15
"""Longer whole numbers are none that a log needs; a browser could not hold them."""

_TRIES = 8
"""Each takes away what the one before found; nested values are freed from the inside out."""


class LogError(DeepEyesError):
    """There is nothing to show; `str(error)` tells the user what was looked for and where."""


@dataclass(slots=True)
class Skipped:
    """What was not read: last lines cut off in mid-write, other lines, ids seen before, values.

    `values` counts by field the lines that are shown without a value there; `newer` are lines of a
    later format.
    """

    half_written: int = 0
    unreadable: int = 0
    repeated: int = 0
    newer: int = 0
    values: Counter[str] = field(default_factory=Counter)

    def add(self, other: Skipped) -> None:
        """Take another file's in."""
        self.half_written += other.half_written
        self.unreadable += other.unreadable
        self.repeated += other.repeated
        self.newer += other.newer
        self.values.update(other.values)


@dataclass(frozen=True, slots=True)
class Lines(Generic[ModelT]):
    """The readable lines of one file, in order; `unread`: the numbers of the others, from 1."""

    items: list[ModelT]
    skipped: Skipped
    unread: list[int]


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
    files = trajectory_files(path)
    if not files:
        raise LogError(
            f"There is no log in {path}: no {TRAJECTORIES_FOLDER}/*.jsonl. "
            "Training writes one where DEEPEYES_LOG_DIR is set, evaluation in its output folder."
        )
    trajectories = read_trajectories(path)
    if not trajectories.items:
        raise LogError(_nothing_readable(path, files, trajectories.skipped))
    metrics, skipped = read_metrics(path), trajectories.skipped
    skipped.add(metrics.skipped)
    return LogDirectory(
        path=path,
        trajectories=tuple(trajectories.items),
        metrics=tuple(metrics.items),
        run=read_run(path / RUN_FILE),
        skipped=skipped,
    )


def read_trajectories(folder: Path) -> Lines[LoggedTrajectory]:
    """All trajectories of a log directory, by step, group and id; none where there is no log.

    A run that was killed and resumed writes some trajectories twice; the last one counts.
    """
    skipped = Skipped()
    by_id: dict[str, LoggedTrajectory] = {}
    for file in trajectory_files(folder):
        lines = read_lines(file, LoggedTrajectory)
        skipped.add(lines.skipped)
        for item in lines.items:
            skipped.repeated += item.id in by_id
            by_id[item.id] = item
    return Lines(sorted(by_id.values(), key=_order), skipped, [])


def trajectory_files(folder: Path) -> list[Path]:
    """The files of trajectories in a log directory, by name."""
    found = (folder / TRAJECTORIES_FOLDER).glob("*.jsonl")
    return sorted(file for file in found if file.is_file())


def _order(item: LoggedTrajectory) -> tuple[int, str, str]:
    return item.step, item.group, item.id


def _nothing_readable(path: Path, files: list[Path], skipped: Skipped) -> str:
    lines = skipped.half_written + skipped.unreadable
    where = f"{path / TRAJECTORIES_FOLDER} ({counted(len(files), 'file')})"
    if lines == 0:
        return f"The trajectory files in {where} are empty: nothing was written yet."
    return f"None of {counted(lines, 'line')} in {where} could be read as a trajectory."


def read_run(file: Path) -> RunInfo | None:
    """The run's description is a courtesy: without it the page has no subtitle."""
    try:
        return RunInfo.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def read_lines(file: Path, model: type[ModelT], *, in_full: bool = False) -> Lines[ModelT]:
    """Read one jsonl file; one that cannot be opened counts as one unreadable line.

    `in_full`: a line of which a value would have to be left out counts as unreadable.
    """
    read: Lines[ModelT] = Lines([], Skipped(), [])
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip() and not take_line(line, model, read, in_full):
                    read.unread.append(number)
    except OSError:
        read.skipped.unreadable += 1
    return read


def read_metrics(folder: Path) -> Lines[MetricsLine]:
    """The metrics, one line a step; where a step was written again, the last one counts."""
    file = folder / METRICS_FILE
    if not file.is_file():
        return Lines([], Skipped(), [])
    lines = read_lines(file, MetricsLine)
    by_step = {line.step: line for line in lines.items}
    items = []
    for _, line in sorted(by_step.items()):
        items.append(finite(line))
        if len(items[-1].values) < len(line.values):
            lines.skipped.values["values"] += 1
    return Lines(items, lines.skipped, lines.unread)


def finite(line: MetricsLine) -> MetricsLine:
    """The line without values that are no number."""
    values = {name: value for name, value in line.values.items() if math.isfinite(value)}
    return line.model_copy(update={"values": values})


def take_line(line: bytes, model: type[ModelT], read: Lines[ModelT], in_full: bool = False) -> bool:
    """Take one line in; False where it cannot be read."""
    value, skipped, lost = _parsed(line), read.skipped, set[str]()
    item = _fitted(converted(value), model, lost) if isinstance(value, dict) else None
    if item is not None and not (lost and in_full):
        read.items.append(item)
        skipped.values.update(lost)
        skipped.newer += _format_of(value) > LOG_FORMAT
        return True
    if line.endswith(b"\n") or value is not None:
        skipped.unreadable += 1
    else:
        skipped.half_written += 1
    return False


def _parsed(line: bytes) -> Any:
    """The JSON of a line, None where it is none; `?` stands for half of a surrogate pair."""
    try:
        value = json.loads(line, parse_int=_whole_number)
        if b"\\ud" not in line.lower():
            return value
        return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _whole_number(digits: str) -> float:
    return int(digits) if len(digits.lstrip("-")) <= _MAX_DIGITS else math.nan


def _format_of(value: dict[str, Any]) -> float:
    number = value.get("log_format", LOG_FORMAT)
    return number if isinstance(number, int | float) else LOG_FORMAT


def _fitted(value: dict[str, Any], model: type[ModelT], lost: set[str]) -> ModelT | None:
    """The value as a model, without what does not fit (`lost`); None where too little is left."""
    for _ in range(_TRIES):
        try:
            return model.model_validate(value)
        except ValidationError as error:
            # From the end, so that places in a list stay what they are.
            places = list(dict.fromkeys(map(_place, error.errors(include_url=False))))
            if not all(_take_out(value, place, model) for place in reversed(places)):
                return None
            lost.update(map(_field, places))
    return None


def _place(error: Any) -> tuple[str | int, ...]:
    """Where to take something out: what is wrong, or what lacks something."""
    place: tuple[str | int, ...] = error["loc"]
    return place[:-1] if error["type"] == "missing" else place


def _field(place: tuple[str | int, ...]) -> str:
    """What a reader calls a place: the line's field, and of the score its part."""
    return str(place[1] if place[0] == "score" and len(place) > 1 else place[0])


def _take_out(value: Any, place: tuple[str | int, ...], model: type[FrozenModel]) -> bool:
    """Take one value out; False where nothing can be."""
    if not place:
        return False
    if len(place) == 1 and place[0] in model.model_fields:
        wanted = model.model_fields[str(place[0])]
        if wanted.is_required():
            return False
        # A reward that cannot be read is unknown, and not the default of 0.
        value[place[0]] = math.nan if wanted.annotation is float else wanted.get_default()
        return True
    part = model.model_fields.get(str(place[0]))
    if part is not None and isinstance(part.annotation, type) and isinstance(value, dict):
        inner = value.get(str(place[0]))
        if issubclass(part.annotation, FrozenModel) and isinstance(inner, dict):
            return _take_out(inner, place[1:], part.annotation)
    for key in place[:-1]:
        if not isinstance(value, dict | list):
            return True  # a neighbour's error has taken it out
        try:
            value = value[key]  # type: ignore[index]
        except (KeyError, IndexError):
            return True
    if isinstance(value, dict):
        value.pop(place[-1], None)
    elif isinstance(value, list) and isinstance(place[-1], int) and place[-1] < len(value):
        del value[place[-1]]
    return True

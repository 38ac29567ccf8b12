"""The lines of a log directory, read with tolerance: what cannot be read is left out and counted.

A log may come from a killed writer, from another version, or from a program of the user's own. A
line is shown without the values that cannot be read; only where a line lacks what it cannot do
without (its id, its step, its trajectory) is all of it left out.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.record.record import LOG_FORMAT, MetricsLine

ModelT = TypeVar("ModelT", bound=FrozenModel)

_MAX_DIGITS = 15
"""Longer whole numbers are none that a log needs; a browser could not hold them."""

_TRIES = 8
"""Each takes away what the one before found; nested values are freed from the inside out."""


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
    """The readable lines of one file, in order."""

    items: list[ModelT]
    skipped: Skipped


def read_lines(file: Path, model: type[ModelT]) -> Lines[ModelT]:
    """Read one jsonl file; one that cannot be opened counts as one unreadable line."""
    items: list[ModelT] = []
    skipped = Skipped()
    try:
        with file.open("rb") as lines:
            for line in lines:
                if line.strip():
                    _take(line, model, items, skipped)
    except OSError:
        skipped.unreadable += 1
    return Lines(items, skipped)


def read_metrics(file: Path) -> Lines[MetricsLine]:
    """The metrics, one line a step; where a step was written again, the last one counts."""
    lines = read_lines(file, MetricsLine)
    by_step = {line.step: line for line in lines.items}
    items = []
    for _, line in sorted(by_step.items()):
        values = {name: value for name, value in line.values.items() if math.isfinite(value)}
        if len(values) < len(line.values):
            lines.skipped.values["values"] += 1
        items.append(line.model_copy(update={"values": values}))
    return Lines(items, lines.skipped)


def _take(line: bytes, model: type[ModelT], items: list[ModelT], skipped: Skipped) -> None:
    value = _parsed(line)
    item = _fitted(value, model, skipped.values) if isinstance(value, dict) else None
    if item is not None:
        items.append(item)
        skipped.newer += _format_of(value) > LOG_FORMAT
    elif line.endswith(b"\n") or value is not None:
        skipped.unreadable += 1
    else:
        skipped.half_written += 1


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


def _fitted(value: dict[str, Any], model: type[ModelT], left_out: Counter[str]) -> ModelT | None:
    """The value as a model, without what does not fit; None where too little is left."""
    lost: set[str] = set()
    for _ in range(_TRIES):
        try:
            item = model.model_validate(value)
        except ValidationError as error:
            # From the end, so that places in a list stay what they are.
            places = list(dict.fromkeys(map(_place, error.errors(include_url=False))))
            if not all(_take_out(value, place, model) for place in reversed(places)):
                return None
            lost.update(str(place[0]) for place in places)
        else:
            left_out.update(lost)
            return item
    return None


def _place(error: Any) -> tuple[str | int, ...]:
    """Where to take something out: what is wrong, or what lacks something."""
    place: tuple[str | int, ...] = error["loc"]
    return place[:-1] if error["type"] == "missing" else place


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

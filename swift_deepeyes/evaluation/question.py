"""One question of a benchmark, the same type whatever file it came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.record.record import PromptMessage
from swift_deepeyes.scoring.scheme import ScoringScheme

LETTERS = "ABCDEFGHIJ"

Unpack = Callable[[bytes], Path]
"""Puts an embedded image into a file, once per content, and says where."""


class BenchmarkError(DeepEyesError):
    """The benchmark's files are not there or not as published; the message says what is missing."""


class Question(FrozenModel):
    """A question, its image files and what is right.

    `options` in the published order, without letters; `right` is the index of the right one (None:
    the question has no options that could be reordered, and `reference` alone is what is right).
    `alternatives`: further references, each as good as `reference`.
    `prompt` and `toolbox` are set where the file brings its own prompt, which is then used as it
    is; `tools` is JSON that tells of them beside it. `is_closed`: rules decide it; otherwise a
    judge does.
    """

    id: str
    images: tuple[Path, ...]
    text: str
    options: tuple[str, ...] = ()
    right: int | None = None
    reference: str
    alternatives: tuple[str, ...] = ()
    category: str
    is_closed: bool = True
    rule: ScoringScheme = ScoringScheme.VISUAL
    prompt: tuple[PromptMessage, ...] = ()
    toolbox: str | None = None
    tools: str = ""


def option_question(
    *,
    id: str,
    images: tuple[Path, ...],
    text: str,
    options: list[str],
    right: int,
    category: str,
    where: str = "",
) -> Question:
    """A question with options; `right` counts from 0. Raises `BenchmarkError` about `where`."""
    if not 2 <= len(options) <= len(LETTERS) or not 0 <= right < len(options):
        what = f"{len(options)} options, of which number {right} is right"
        raise BenchmarkError(f"{where or id}: {what}; there must be 2 to {len(LETTERS)}.")
    return Question(
        id=id,
        images=images,
        text=text.strip(),
        options=tuple(option.strip() for option in options),
        right=right,
        reference=options[right].strip(),
        category=category,
    )


def existing(path: Path, what: str) -> Path:
    """The path, if it is there. Raises `BenchmarkError`."""
    if not path.exists():
        raise BenchmarkError(f"{what} is not there: {path}. State --data as it was downloaded.")
    return path

"""The benchmarks: one loader file each, which registers itself (`registry.benchmark`).

A loader reads the files as their authors published them. It decides nothing about the order in
which options are shown, and asks nobody.
"""

from __future__ import annotations

from collections import Counter
from os.path import isfile  # False, too, for a name that no file can have
from pathlib import Path

from swift_deepeyes.episode.view import UnreadableImageError
from swift_deepeyes.evaluation.benchmarks.registry import (
    Benchmark,
    all_benchmarks,
    benchmark,
    find_benchmark,
)
from swift_deepeyes.evaluation.image_files import open_image
from swift_deepeyes.evaluation.question import BenchmarkError, Question, Unpack

__all__ = ["Benchmark", "all_benchmarks", "benchmark", "find_benchmark", "load_questions"]


def load_questions(name: str, path: Path, images: Path | None, unpack: Unpack) -> list[Question]:
    """All questions of a benchmark. Raises `BenchmarkError`.

    `path` is the file or the folder as downloaded; `images` is where its image files are, if they
    are somewhere else; embedded images go through `unpack`.
    """
    load = find_benchmark(name).load
    if not path.exists():
        raise BenchmarkError(f"There is nothing at {path}.")
    questions = list(load(path, images, unpack))
    if not questions:
        raise BenchmarkError(f"{path} holds no question of {name}: is --data the right path?")
    counts = Counter(question.id for question in questions)
    twice = [id for id, count in counts.items() if count > 1]
    if twice:
        raise BenchmarkError(
            f"{path}: {len(twice)} ids belong to several questions, the first: {twice[0]}. Is a "
            "file there twice, or a row?"
        )
    _check_images(name, questions)
    return questions


def _check_images(name: str, questions: list[Question]) -> None:
    """Whether all image files are there and have an image's header; pixels are read when asked."""
    paths = dict.fromkeys(image for question in questions for image in question.images)
    missing = [path for path in paths if not isfile(path)]
    if missing:
        raise BenchmarkError(
            f"{len(missing)} image files of {name} are missing, the first: {missing[0]}. "
            "Say with --images where they are."
        )
    broken = [path for path in paths if not _is_image(path)]
    if broken:
        raise BenchmarkError(
            f"{len(broken)} image files of {name} cannot be opened, the first: {broken[0]}. "
            "Download them again (`git lfs pull`, where they are Git LFS pointers)."
        )


def _is_image(path: Path) -> bool:
    try:
        open_image(str(path)).close()
    except UnreadableImageError:
        return False
    return True

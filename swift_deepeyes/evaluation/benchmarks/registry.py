"""Benchmarks by name. A loader registers itself with `@benchmark(...)`; a new one is one file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from swift_deepeyes.evaluation.question import BenchmarkError, Question, Unpack
from swift_deepeyes.evaluation.reporting.published import PublishedFigure

Loader = Callable[[Path, Path | None, Unpack], Iterable[Question]]
"""`(path, images, unpack) -> questions`, of the files as their authors published them."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What is known of a benchmark.

    `is_rotated`: its own protocol asks every rotation of the options. `published`: figures that
    stand beside one's own.
    """

    name: str
    load: Loader
    is_rotated: bool = False
    published: tuple[PublishedFigure, ...] = ()


_benchmarks: dict[str, Benchmark] = {}


def benchmark(
    name: str, *, is_rotated: bool = False, published: tuple[PublishedFigure, ...] = ()
) -> Callable[[Loader], Loader]:
    """Decorator: register a loader under the name that users type."""

    def register(load: Loader) -> Loader:
        _benchmarks[name] = Benchmark(name, load, is_rotated, published)
        return load

    return register


def all_benchmarks() -> dict[str, Benchmark]:
    """Every benchmark by name: those of the files in this folder, and what else was registered."""
    package = __package__ or ""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")
    return dict(sorted(_benchmarks.items()))


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of this name. Raises `BenchmarkError`."""
    known = all_benchmarks()
    if name not in known:
        raise BenchmarkError(f"{name!r} is no benchmark; there are {', '.join(known)}.")
    return known[name]

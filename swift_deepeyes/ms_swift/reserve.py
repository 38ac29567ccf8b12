"""Rows in reserve: what ms-swift puts in the place of rows that it cannot use.

A prompt that is too long (`--truncation_strategy delete`) is in a batch once for each of its
generations, and all of them are dropped. ms-swift 4.6.0 replaces them by as many *different*
prompts, and GRPO then compares the answers to these as if they were a group's: easy questions get
an advantage over hard ones. Here one prompt takes the place of the whole group.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from accelerate.data_loader import get_sampler

from swift_deepeyes.errors import DeepEyesError

logger = logging.getLogger(__name__)


class ReserveError(DeepEyesError):
    """There is no row in reserve, and ms-swift would look for one without end."""


class Reserve(Iterator[Any]):
    """Rows in reserve, which knows how many batches were drawn from it in the whole run."""

    def __init__(self, rows: Iterator[Any], drawn: int = 0, copies: int = 1) -> None:
        self._rows, self._copies = rows, copies
        self.drawn = drawn

    def __next__(self) -> Any:
        batch = next(self._rows)
        self.drawn += 1
        if self._copies == 1:
            return batch
        # ms-swift changes the rows that it is given.
        return [deepcopy(row) for row in batch for _ in range(self._copies)]


def loader_of(reserve: Iterator[Any]) -> Any:
    """The loader that ms-swift's generator goes round. Raises `ReserveError` if it is empty."""
    loader = inspect.getgeneratorlocals(reserve)["iterable"]  # type: ignore[arg-type]
    with contextlib.suppress(TypeError):  # a stream has no length
        if not len(loader):
            raise ReserveError(
                "The dataset has fewer rows than a device's micro-step, so a prompt that is too "
                "long has no replacement: lower --per_device_train_batch_size, or add rows"
            )
    return loader


def copies_of_a_row(trainer: Any, loader: Any) -> int:
    """How often a drawn row must be there to take the place of a whole group."""
    generations = int(getattr(trainer, "num_generations", 1))
    repeats = getattr(get_sampler(loader), "mini_repeat_count", generations)
    if repeats != 1 or generations == 1:  # the reserve of dynamic sampling has whole groups
        return 1
    args = trainer.args
    of_rank = args.per_device_train_batch_size * args.steps_per_generation
    if of_rank % generations:
        logger.warning(
            "A group of %d generations is spread over ranks of %d. Where its prompt is too long, "
            "each rank replaces its part by a prompt of its own, and GRPO compares different "
            "questions: make --per_device_train_batch_size x --steps_per_generation a multiple of "
            "--num_generations, or leave long prompts out of the data.",
            generations,
            of_rank,
        )
        return 1
    return generations

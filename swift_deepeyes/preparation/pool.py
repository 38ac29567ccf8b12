"""Processes that do the image work, and their results in order."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from types import TracebackType
from typing import TypeVar

from swift_deepeyes.preparation.errors import PrepareError
from swift_deepeyes.preparation.images import ImageJob, PreparedImage, do_jobs

MAX_WAITING_BYTES = 64 * 2**20
"""Encoded images that are read and not yet treated: bounds memory whatever the image size."""

Given = TypeVar("Given")


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


class ImagePool:
    """A pool of image workers; a context manager.

    The workers start from a small server process (`forkserver`): this process has Arrow's threads,
    which must not be forked, and memory that nobody should count twice.
    """

    def __init__(self, workers: int) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([do_jobs.__module__])
        self._executor = ProcessPoolExecutor(workers, context, initializer=_end_with_parent)
        self._ahead = 2 * workers

    def __enter__(self) -> ImagePool:
        """Nothing starts before it is needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None
    ) -> None:
        """Stop the workers; after an error without waiting for what they were given."""
        self._executor.shutdown(wait=kind is None, cancel_futures=True)

    def treat_in_order(
        self,
        given: Iterable[Given],
        jobs_of: Callable[[Given], list[ImageJob]],
        bytes_of: Callable[[Given], int],
    ) -> Iterator[tuple[Given, list[list[PreparedImage]]]]:
        """Each thing given with the pictures of its jobs, in the order given."""
        waiting: deque[tuple[Given, int, Future[list[list[PreparedImage]]]]] = deque()
        held = 0
        for item in given:
            size = bytes_of(item)
            while waiting and (len(waiting) >= self._ahead or held + size > MAX_WAITING_BYTES):
                done, done_size, future = waiting.popleft()
                held -= done_size
                yield done, self._result(future)
            waiting.append((item, size, self._executor.submit(do_jobs, jobs_of(item))))
            held += size
        while waiting:
            done, _, future = waiting.popleft()
            yield done, self._result(future)

    def _result(self, future: Future[list[list[PreparedImage]]]) -> list[list[PreparedImage]]:
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise PrepareError(
                "an image worker was killed, most likely for memory: run the command again with "
                "fewer --workers; it goes on where it stopped"
            ) from error


def _end_with_parent() -> None:
    """End this worker when the command is killed; it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for_end_of, args=(parent.sentinel,), daemon=True).start()


def _wait_for_end_of(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)

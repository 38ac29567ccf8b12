"""A process that compares formulas for us and can be killed: plain pipes, no event loop.

It outlives batches (starting it costs a second) and belongs to no loop or thread. It ends by itself
when our end of the pipe closes, so nothing is left behind however the run ends.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

logger = logging.getLogger(__name__)

START_SECONDS = 60.0  # importing sympy on a busy machine
# The worker stops itself after so many seconds of its own time, unless it is inside one long C
# call; on the clock it gets a multiple, because the machine may be busy.
CLOCK_FACTOR = 4
GRACE_SECONDS = 2.0
# After so many slow comparisons within the window every one gets less time. Formulas are not
# switched off: usual ones take milliseconds and are still decided.
SLOW_ALLOWED = 5
SLOW_WINDOW_SECONDS = 600.0
HURRIED_SECONDS = 0.5

WORKER = Path(__file__).with_name("math_worker.py")


class MathRule(StrEnum):
    """How two texts are compared."""

    WHOLE = "whole"  # formulas that are read to their last token
    OFFICIAL = "official"  # what the official code does


class MathProcess:
    """Starts when first used; one comparison at a time, whoever asks."""

    def __init__(self, worker: Path = WORKER, start_seconds: float = START_SECONDS) -> None:
        self._worker = worker
        self._start_seconds = start_seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._number = 0
        self._kills: deque[float] = deque(maxlen=SLOW_ALLOWED)
        self._rests_until = 0.0

    def equal(
        self,
        reference: str,
        answer: str,
        timeout_seconds: float,
        rule: MathRule = MathRule.WHOLE,
    ) -> bool | None:
        """Whether the two are equal by `rule`; None: could not be told, or not in time (CPU time).

        Never raises. A start that fails or is slow leaves comparisons undecided for a while.
        """
        with self._lock:
            try:
                return self._ask(reference, answer, timeout_seconds, rule)
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                self._end_child()
                self._give_up_on_start(f"{type(error).__name__}: {error}")
                return None

    def _ask(
        self, reference: str, answer: str, timeout_seconds: float, rule: MathRule
    ) -> bool | None:
        child = self._running()
        if child is None:
            return None
        seconds = min(timeout_seconds, HURRIED_SECONDS) if self._is_hurried() else timeout_seconds
        self._number += 1
        request = {"number": self._number, "rule": rule, "seconds": seconds}
        _send(child, {**request, "reference": reference, "answer": answer})
        started = time.monotonic()
        reply = _read_reply(child, self._number, CLOCK_FACTOR * seconds + GRACE_SECONDS)
        if reply is None:
            self._end_child()
        outcome = reply["outcome"] if reply else None
        if outcome is None and time.monotonic() - started >= seconds:
            self._note_slow(reference)
        return outcome if isinstance(outcome, bool) else None

    def _is_hurried(self) -> bool:
        now = time.monotonic()
        return len(self._kills) == SLOW_ALLOWED and now - self._kills[0] < SLOW_WINDOW_SECONDS

    def _running(self) -> subprocess.Popen[bytes] | None:
        # After a fork the pipes would be shared with the parent: the child starts its own.
        if self._child is not None and self._owner == os.getpid() and self._child.poll() is None:
            return self._child
        if time.monotonic() < self._rests_until:
            return None
        child = _start(self._worker)
        if _read_reply(child, 0, self._start_seconds) is None:
            _end(child)
            self._give_up_on_start(f"no sign of life within {self._start_seconds:.0f} s")
            return None
        self._child, self._owner = child, os.getpid()
        return child

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None and self._owner == os.getpid():
            _end(child)

    def _give_up_on_start(self, reason: str) -> None:
        self._rests_until = time.monotonic() + self._start_seconds
        logger.warning("The process that compares formulas did not start or died (%s).", reason)

    def _note_slow(self, reference: str) -> None:
        self._kills.append(time.monotonic())
        logger.warning("A formula took too long to compare with %r and stays undecided.", reference)


def _start(worker: Path) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        # By path and without its folder on `sys.path` (-P): our package's imports would only cost
        # time, and `numbers.py` beside it would hide the standard library's.
        [sys.executable, "-P", str(worker)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # It compares formulas: it must neither see nor wait for a GPU.
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    atexit.register(_end, child)
    return child


def _end(child: subprocess.Popen[bytes]) -> None:
    atexit.unregister(_end)
    if child.poll() is None:
        child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):  # what is left in the buffer of a broken pipe
                pipe.close()


def _send(child: subprocess.Popen[bytes], request: dict[str, object]) -> None:
    assert child.stdin is not None
    with suppress(BrokenPipeError):  # it died; no reply will come
        child.stdin.write(json.dumps(request).encode() + b"\n")
        child.stdin.flush()


def _read_reply(
    child: subprocess.Popen[bytes], number: int, timeout_seconds: float
) -> dict[str, object] | None:
    """The reply with this number; earlier ones are passed over. None: dead, or silent too long."""
    assert child.stdout is not None
    deadline = time.monotonic() + timeout_seconds
    received = b""
    # Not `select()`, which refuses file descriptors from 1,024 on.
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and selector.select(left):
            chunk = os.read(child.stdout.fileno(), 4096)
            if not chunk:
                return None
            *lines, received = (received + chunk).split(b"\n")
            for line in lines:
                reply: dict[str, object] = json.loads(line)
                if reply["number"] == number:
                    return reply
    return None

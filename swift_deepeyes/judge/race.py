"""The first reply of several calls for one question: one, and others beside it when it hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from swift_deepeyes.judge.client import Reply
from swift_deepeyes.judge.errors import CallFailedError, FailureKind
from swift_deepeyes.judge.patience import SHORTEST_SECONDS, Patience
from swift_deepeyes.judge.server import Pool, Server
from swift_deepeyes.judge.stats import JudgeCounts

CALLS_AT_ONCE = 3  # one hangs, the one beside it too

Ask = Callable[[Server], Coroutine[Any, Any, Reply]]


class CallFailedAtServerError(Exception):
    """A failed call and where it failed: the next try goes elsewhere if it can."""

    def __init__(self, server: Server, failure: CallFailedError) -> None:
        super().__init__(str(failure))
        self.server = server
        self.failure = failure


@dataclass(frozen=True)
class _Call:
    server: Server
    number: int  # in order of their start; 0 is the one that the others stand beside


class Race:
    """Lives as long as one question is waited for; `ask` makes one call."""

    def __init__(self, ask: Ask, pool: Pool, patience: Patience, tally: JudgeCounts) -> None:
        self._ask = ask
        self._pool = pool
        self._patience = patience
        self._tally = tally
        self._calls: dict[asyncio.Task[Reply], _Call] = {}
        self._started = 0
        self._last_start = 0.0

    async def run(self, server: Server) -> Reply:
        """The first reply, beginning at `server`.

        Raises what the last call raised, or at once what is no `CallFailedAtServerError`.
        """
        self._start(server)
        try:
            while True:
                done, _ = await asyncio.wait(
                    self._calls,
                    timeout=self._seconds_left(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    reply = self._land(task)
                    if reply is not None:
                        return reply
                self._start_beside()
        finally:
            await self._cancel()

    def _start(self, server: Server) -> None:
        # Counted before the task runs: the next question picks its server by it.
        server.in_flight += 1
        task = asyncio.create_task(self._ask(server))
        task.add_done_callback(server.note_landed)
        self._calls[task] = _Call(server, self._started)
        self._started += 1
        self._last_start = time.monotonic()

    def _land(self, task: asyncio.Task[Reply]) -> Reply | None:
        """The reply of a call that is over; None if it failed and another one is still awaited."""
        call = self._calls.pop(task)
        failed = task.exception()
        if failed is None:
            self._note_overtaken(call)
            return task.result()
        if not self._calls or not isinstance(failed, CallFailedAtServerError):
            raise failed
        self._tally.retries += 1  # the call beside it is its repetition
        if call.number:
            self._patience.give_back()  # it failed at once: no load on a server that is slow
        return None

    def _note_overtaken(self, winner: _Call) -> None:
        """Calls that were made before the one that brought the reply hung: they failed."""
        for task, call in self._calls.items():
            if call.number > winner.number:
                continue
            if task.done():  # it failed, and was counted, in the same moment
                self._tally.retries += task.exception() is not None
            else:
                self._tally.failures[FailureKind.TIMEOUT] += 1
                self._tally.retries += 1
                self._patience.give_back()
                if call.server is not winner.server:
                    call.server.note_failure()

    def _seconds_left(self) -> float | None:
        """Until the last call is overdue, or until it is worth looking again."""
        if len(self._calls) >= CALLS_AT_ONCE:
            return None
        waited = time.monotonic() - self._last_start
        if waited < SHORTEST_SECONDS:
            return SHORTEST_SECONDS - waited  # nearly all calls: spare them the statistics
        patience = self._patience.seconds() or 0.0
        return patience - waited if patience > waited else SHORTEST_SECONDS

    def _start_beside(self) -> None:
        """Ask again, elsewhere if possible, when the last call is overdue."""
        waited = time.monotonic() - self._last_start
        if len(self._calls) >= CALLS_AT_ONCE or waited < SHORTEST_SECONDS:
            return
        patience = self._patience.seconds()
        if patience is not None and waited >= patience and self._patience.take_hedge():
            self._tally.hedged += 1
            self._start(self._pool.pick_beside([call.server for call in self._calls.values()]))

    async def _cancel(self) -> None:
        for task in self._calls:
            task.cancel()
        if self._calls:
            await asyncio.gather(*self._calls, return_exceptions=True)

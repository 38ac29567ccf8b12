"""One reply to one question: a slot, a server, the spelling it takes, and a call beside a hung one.

What it raises is for `Batch` to decide on. Everything here lives inside one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from swift_deepeyes.chat.client import ChatClient
from swift_deepeyes.chat.failures import (
    Cause,
    FailedCallError,
    RequestRefusedError,
    WrongServerError,
)
from swift_deepeyes.chat.reply import Reply
from swift_deepeyes.judge.contact import Contact
from swift_deepeyes.judge.policy import JudgeLimits
from swift_deepeyes.judge.request import CHOICES, Guidance, request_body
from swift_deepeyes.judge.server import Pool, Server, counted_as, wished_rest
from swift_deepeyes.judge.stats import JudgeCounts, percentile
from swift_deepeyes.scoring.verdict import JudgeQuestion

SHORTEST_SECONDS = 0.5  # below that, what is slow is this machine
MEDIANS, P95S = 5.0, 3.0  # a reply is overdue when it takes that many times the usual
REPLIES_NEEDED = 3  # to know what is usual
LEAST_HEDGES, HEDGE_SHARE = 4, 0.1  # of the replies that the batch has got so far


class Patience:
    """Knows the usual latency, and how many calls may still be made beside hung ones.

    A server that is slow as a whole must not get twice the load, so the calls are few; each that
    brings the first reply proves that the other one hung, and is given back.
    """

    def __init__(self, ours: Sequence[float], earlier: Sequence[float]) -> None:
        self._ours, self._earlier = ours, earlier
        self._lost = 0  # calls that were made beside others, but for those that won

    def seconds(self) -> float | None:
        """How long a reply may take; None while nothing is known about it."""
        usual = self._ours if len(self._ours) >= REPLIES_NEEDED else self._earlier
        if len(usual) < REPLIES_NEEDED:
            return None
        return max(SHORTEST_SECONDS, MEDIANS * median(usual), P95S * percentile(usual, 95))

    def take_hedge(self) -> bool:
        """Whether one more call may be made beside a hung one; if so, it is counted."""
        if self._lost >= max(LEAST_HEDGES, HEDGE_SHARE * len(self._ours)):
            return False
        self._lost += 1
        return True

    def give_back(self) -> None:
        """The call beside was the one that brought the reply."""
        self._lost -= 1


CALLS_AT_ONCE = 3  # one hangs, the one beside it too

Ask = Callable[[Server], Coroutine[Any, Any, Reply]]


class FailedAtServerError(Exception):
    """A failed call and where it failed: the next try goes elsewhere if it can."""

    def __init__(self, server: Server, failure: FailedCallError) -> None:
        super().__init__(str(failure))
        self.server = server
        self.failure = failure


@dataclass(frozen=True)
class _Call:
    server: Server
    number: int  # in order of their start; 0 is the one that the others stand beside


class Race:
    """Lives as long as one question is waited for; `ask` makes one call."""

    def __init__(self, ask: Ask, pool: Pool, patience: Patience, counts: JudgeCounts) -> None:
        self._ask = ask
        self._pool = pool
        self._patience = patience
        self._counts = counts
        self._calls: dict[asyncio.Task[Reply], _Call] = {}
        self._started = 0
        self._last_start = 0.0

    async def run(self, server: Server) -> Reply:
        """The first reply, beginning at `server`.

        Raises what the last call raised, or at once what is no `FailedAtServerError`.
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
        if not self._calls or not isinstance(failed, FailedAtServerError):
            raise failed
        self._counts.retries += 1  # the call beside it is its repetition
        if call.number:
            self._patience.give_back()  # it failed at once: no load on a server that is slow
        return None

    def _note_overtaken(self, winner: _Call) -> None:
        """Calls that were made before the one that brought the reply hung: they failed."""
        for task, call in self._calls.items():
            if call.number > winner.number:
                continue
            if task.done():  # it failed, and was counted, in the same moment
                self._counts.retries += task.exception() is not None
            else:
                self._counts.failures[Cause.TIMEOUT] += 1
                self._counts.retries += 1
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
            self._counts.hedged += 1
            self._start(self._pool.pick_beside([call.server for call in self._calls.values()]))

    async def _cancel(self) -> None:
        for task in self._calls:
            task.cancel()
        if self._calls:
            await asyncio.gather(*self._calls, return_exceptions=True)


@dataclass(frozen=True)
class Inquiry:
    """A question on its way. `attempt` 0 is the first time that it is asked.

    `failed_at`: where its last call failed. `met_error`: a server answered it with a 5xx.
    """

    question: JudgeQuestion
    attempt: int
    failed_at: Server | None = None
    met_error: bool = False


class Caller:
    """Makes the calls of one batch, at most `limits.concurrency` questions at a time."""

    def __init__(
        self,
        client: ChatClient,
        pool: Pool,
        limits: JudgeLimits,
        counts: JudgeCounts,
        contact: Contact,
    ) -> None:
        self._client = client
        self._pool = pool
        self._limits = limits
        self._counts = counts
        self._contact = contact
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._patience = Patience(counts.latencies, tuple(pool.latencies))

    async def reply(self, inquiry: Inquiry) -> Reply:
        """The first reply that any of the calls brings.

        Raises `FailedAtServerError`, `RequestRefusedError`, or `JudgeError` to stop the run.
        """
        async with self._slots:
            await self._contact.wait_while_away()
            race = Race(
                lambda server: self._call(server, inquiry), self._pool, self._patience, self._counts
            )
            return await race.run(self._pool.pick(inquiry.failed_at))

    async def _call(self, server: Server, inquiry: Inquiry) -> Reply:
        try:
            reply = await self._guided_call(server, inquiry)
        except RequestRefusedError:
            raise
        except WrongServerError as error:
            await self._contact.bear_absence(server, error)
            raise self._failed(server, error) from error
        except FailedCallError as failure:
            raise self._failed(server, failure) from failure
        self._pool.note_success(server)
        self._pool.latencies.append(reply.seconds)
        self._counts.latencies.append(reply.seconds)
        self._counts.prompt_tokens += reply.prompt_tokens or 0
        self._counts.completion_tokens += reply.completion_tokens or 0
        return reply

    def _failed(self, server: Server, failure: FailedCallError) -> FailedAtServerError:
        self._counts.failures[counted_as(failure)] += 1
        server.note_failure(wished_rest(failure))
        return FailedAtServerError(server, failure)

    async def _guided_call(self, server: Server, inquiry: Inquiry) -> Reply:
        """Ask in the server's spelling of guided decoding, or find out which that is.

        Only the first asking is guided: a reply that could not be read shows a server that does not
        obey, or words that the choice leaves no room for.
        """
        is_first = inquiry.attempt == 0
        spelling = Guidance.PLAIN
        if is_first:
            spelling = server.first_spelling(after_error=inquiry.met_error)
        while True:
            body = request_body(inquiry.question, server.model or "", spelling, inquiry.attempt)
            try:
                reply = await self._client.complete(server.address, body, self._limits.timeout)
            except RequestRefusedError:
                following = server.spelling_after(spelling) if is_first else None
                if following is None:
                    self._counts.failures[Cause.REFUSED] += 1
                    await self._contact.confirm_refusal(server)
                    raise
                spelling = following
            except FailedCallError as failure:
                server.note_guided_failure(spelling, failure)
                raise
            else:
                if is_first and reply.content:
                    obeyed = reply.content.strip() in CHOICES[inquiry.question.kind]
                    server.note_guidance(spelling, obeyed=obeyed, after_error=inquiry.met_error)
                return reply

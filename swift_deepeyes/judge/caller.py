"""One reply to one question: a slot, a server, its spelling, another call beside a hung one.

What it raises is for `Batch` to decide on. Everything here lives inside one event loop.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import aiohttp

from swift_deepeyes.core.verdict import JudgeQuestion
from swift_deepeyes.judge.client import Reply, call, request_body
from swift_deepeyes.judge.contact import Contact
from swift_deepeyes.judge.errors import (
    CallFailedError,
    FailureKind,
    RequestRefusedError,
    WrongServerError,
)
from swift_deepeyes.judge.guidance import Guidance
from swift_deepeyes.judge.limits import Limits
from swift_deepeyes.judge.patience import SHORTEST_SECONDS, Patience
from swift_deepeyes.judge.prompt import CHOICES
from swift_deepeyes.judge.server import Pool, Server
from swift_deepeyes.judge.stats import Tally

CALLS_AT_ONCE = 3  # for one question: one hangs, the one beside it too


@dataclass(frozen=True)
class Inquiry:
    """A question on its way. `attempt` 0 is the first time that it is asked.

    `failed_at`: where its last call failed. `met_error`: a server answered it with a 5xx.
    """

    question: JudgeQuestion
    attempt: int
    failed_at: Server | None = None
    met_error: bool = False


class CallFailedAtServerError(Exception):
    """A failed call and where it failed: the next try goes elsewhere if it can."""

    def __init__(self, server: Server, failure: CallFailedError) -> None:
        super().__init__(str(failure))
        self.server = server
        self.failure = failure


@dataclass(frozen=True)
class _Flight:
    server: Server
    started: float


class Caller:
    """Makes the calls of one batch, at most `limits.concurrency` questions at a time."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        pool: Pool,
        limits: Limits,
        tally: Tally,
        contact: Contact,
    ) -> None:
        self._session = session
        self._pool = pool
        self._limits = limits
        self._tally = tally
        self._contact = contact
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._patience = Patience(tally.latencies, tuple(pool.latencies))

    async def reply(self, inquiry: Inquiry) -> Reply:
        """The first reply that any of the calls brings.

        Raises `CallFailedAtServerError`, `RequestRefusedError`, or `JudgeError` to stop the run.
        """
        async with self._slots:
            await self._contact.wait_while_away()
            return await self._first_reply(inquiry)

    async def _first_reply(self, inquiry: Inquiry) -> Reply:
        flights: dict[asyncio.Task[Reply], _Flight] = {}
        try:
            self._start(flights, inquiry, self._pool.pick(inquiry.failed_at))
            while True:
                done, _ = await asyncio.wait(
                    flights, timeout=self._seconds_left(flights), return_when="FIRST_COMPLETED"
                )
                for task in done:
                    flight = flights.pop(task)
                    failed = task.exception()
                    if failed is None:
                        self._note_overtaken(flights, flight)
                        return task.result()
                    if not isinstance(failed, CallFailedAtServerError) or not flights:
                        raise failed
                    self._tally.retries += 1  # the call beside it is its repetition
                self._hedge(flights, inquiry)
        finally:
            await _cancel(flights)

    def _start(
        self, flights: dict[asyncio.Task[Reply], _Flight], inquiry: Inquiry, server: Server
    ) -> None:
        # Counted before the task runs: the next question picks its server by it.
        server.in_flight += 1
        task = asyncio.create_task(self._call(server, inquiry))
        task.add_done_callback(server.note_landed)
        flights[task] = _Flight(server, time.monotonic())

    def _seconds_left(self, flights: dict[asyncio.Task[Reply], _Flight]) -> float | None:
        """Until the youngest call is overdue, or until it is worth looking again."""
        if len(flights) >= CALLS_AT_ONCE:
            return None
        waited = time.monotonic() - max(flight.started for flight in flights.values())
        if waited < SHORTEST_SECONDS:
            return SHORTEST_SECONDS - waited  # nearly all calls: spare them the statistics
        patience = self._patience.seconds() or 0.0
        return patience - waited if patience > waited else SHORTEST_SECONDS

    def _hedge(self, flights: dict[asyncio.Task[Reply], _Flight], inquiry: Inquiry) -> None:
        """Ask again, elsewhere if possible, when the youngest call is overdue."""
        patience = self._patience.seconds()
        youngest = max(flights.values(), key=lambda flight: flight.started)
        is_overdue = patience is not None and time.monotonic() - youngest.started >= patience
        if len(flights) < CALLS_AT_ONCE and is_overdue and self._patience.take_hedge():
            self._tally.hedged += 1
            self._start(flights, inquiry, self._pool.pick(youngest.server))

    def _note_overtaken(self, flights: dict[asyncio.Task[Reply], _Flight], winner: _Flight) -> None:
        """Calls that were made before the one that brought the reply hung: they failed."""
        for task, flight in flights.items():
            if flight.started < winner.started and not task.done():
                self._tally.failures[FailureKind.TIMEOUT] += 1
                self._tally.retries += 1
                self._patience.give_back()
                if flight.server is not winner.server:
                    flight.server.note_failure()

    async def _call(self, server: Server, inquiry: Inquiry) -> Reply:
        try:
            reply = await self._guided_call(server, inquiry)
        except CallFailedError as failure:
            raise self._failed(server, failure) from failure
        except WrongServerError as error:
            absence = await self._contact.absence(server, error)
            raise self._failed(server, absence) from error
        self._pool.note_success(server)
        self._pool.latencies.append(reply.seconds)
        self._tally.latencies.append(reply.seconds)
        self._tally.prompt_tokens += reply.prompt_tokens
        self._tally.completion_tokens += reply.completion_tokens
        return reply

    def _failed(self, server: Server, failure: CallFailedError) -> CallFailedAtServerError:
        self._tally.failures[failure.kind] += 1
        server.note_failure(failure.retry_after)
        return CallFailedAtServerError(server, failure)

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
                reply = await call(self._session, server.address, body, self._limits.timeout)
            except RequestRefusedError:
                following = server.spelling_after(spelling) if is_first else None
                if following is None:
                    self._tally.failures[FailureKind.REFUSED] += 1
                    await self._contact.confirm_refusal(server)
                    raise
                spelling = following
            except CallFailedError as failure:
                server.note_guided_failure(spelling, failure)
                raise
            else:
                if is_first and reply.text:
                    obeyed = reply.text.strip() in CHOICES[inquiry.question.kind]
                    server.note_guidance(spelling, obeyed=obeyed, after_error=inquiry.met_error)
                return reply


async def _cancel(tasks: dict[asyncio.Task[Reply], _Flight]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)

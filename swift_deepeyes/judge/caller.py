"""One reply to one question: a slot, a server, and the spelling that the server takes.

What it raises is for `Batch` to decide on. Everything here lives inside one event loop.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp

from swift_deepeyes.judge.client import Reply, call, request_body
from swift_deepeyes.judge.contact import Contact
from swift_deepeyes.judge.errors import (
    CallFailedError,
    FailureKind,
    RequestRefusedError,
    WrongServerError,
)
from swift_deepeyes.judge.guidance import Guidance
from swift_deepeyes.judge.limits import JudgeLimits
from swift_deepeyes.judge.patience import Patience
from swift_deepeyes.judge.prompt import CHOICES
from swift_deepeyes.judge.race import CallFailedAtServerError, Race
from swift_deepeyes.judge.server import Pool, Server
from swift_deepeyes.judge.stats import JudgeCounts
from swift_deepeyes.scoring.verdict import JudgeQuestion


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
        session: aiohttp.ClientSession,
        pool: Pool,
        limits: JudgeLimits,
        tally: JudgeCounts,
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
            race = Race(
                lambda server: self._call(server, inquiry), self._pool, self._patience, self._tally
            )
            return await race.run(self._pool.pick(inquiry.failed_at))

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

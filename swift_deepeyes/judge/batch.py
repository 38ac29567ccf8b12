"""One batch of questions: tries, second questions, fallbacks.

Everything here lives inside one event loop and ends with it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from swift_deepeyes.chat.client import ChatClient
from swift_deepeyes.chat.failures import FailedCallError, RequestRefusedError
from swift_deepeyes.chat.reply import Reply
from swift_deepeyes.judge.caller import Caller, FailedAtServerError, Inquiry
from swift_deepeyes.judge.contact import Contact
from swift_deepeyes.judge.policy import JudgeLimits, Policy
from swift_deepeyes.judge.rules import decide
from swift_deepeyes.judge.server import Pool, Server, is_overload, is_server_error
from swift_deepeyes.judge.stats import JudgeCounts
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, Verdict

FRESH_ROUNDS = 1  # more tries for a question whose failures may have been the server's absence


@dataclass
class QuestionTries:
    """How one question fared so far. Times are `time.monotonic()` seconds."""

    failures: int = 0  # since the last fresh start
    fresh_starts: int = 0
    last_failure: float = 0.0
    failure_before: float = 0.0
    rate_limited_since: float | None = None
    failed_at: Server | None = None
    met_error: bool = False  # a 5xx

    def note(self, server: Server, failure: FailedCallError) -> None:
        """Another call failed, at `server`."""
        self.failures += 1
        self.failure_before, self.last_failure = self.last_failure, time.monotonic()
        self.failed_at = server
        self.met_error |= is_server_error(failure)

    def start_afresh(self) -> None:
        """Forget the failures: the judge was away, they were not this question's."""
        self.failures = 0
        self.failure_before = self.last_failure = 0.0


class Batch:
    """Puts questions to the servers until each has a verdict."""

    def __init__(
        self,
        client: ChatClient,
        pool: Pool,
        policy: Policy,
        limits: JudgeLimits,
        counts: JudgeCounts,
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._limits = limits
        self._counts = counts
        self._contact = Contact(client, pool, limits, counts)
        self._caller = Caller(client, pool, limits, counts, self._contact)

    async def meet_servers(self) -> None:
        """See `Contact.meet_all`."""
        await self._contact.meet_all()

    async def verdict(self, question: JudgeQuestion) -> Verdict:
        """The servers' verdict on one question, or the rules' where they gave none.

        Raises `JudgeError` when the run has to stop.
        """
        reply: Reply | None = None
        for attempt in range(1 + self._policy.second_questions):
            self._counts.retries += attempt > 0
            reply = await self._reply(question, attempt)
            if reply is None:
                return await self._fallback(question, Decider.RULE_AFTER_FAILURE, None)
            outcome = Outcome.UNREADABLE
            if reply.is_complete:
                outcome = self._policy.read_reply(reply.content, question)
            self._counts.cut += not reply.is_complete
            if outcome is not Outcome.UNREADABLE:
                return Verdict(outcome=outcome, decided_by=Decider.SERVER, reply=reply.content)
            self._counts.unreadable += 1
        assert reply is not None
        return await self._fallback(question, Decider.RULE_AFTER_UNREADABLE, reply.content)

    async def _fallback(
        self, question: JudgeQuestion, decider: Decider, reply: str | None
    ) -> Verdict:
        self._counts.fallback += 1
        outcome = await asyncio.to_thread(decide, question)
        return Verdict(outcome=outcome, decided_by=decider, reply=reply)

    async def _reply(self, question: JudgeQuestion, attempt: int) -> Reply | None:
        """A reply, after as many tries as it takes; None if this question gets none."""
        attempts = QuestionTries()
        while True:
            try:
                return await self._caller.reply(
                    Inquiry(question, attempt, attempts.failed_at, attempts.met_error)
                )
            except RequestRefusedError:
                return None
            except FailedAtServerError as failed:
                if not await self._try_again(attempts, failed.server, failed.failure):
                    return None
                self._counts.retries += 1

    async def _try_again(
        self, attempts: QuestionTries, server: Server, failure: FailedCallError
    ) -> bool:
        """Wait as long as is right after a failure. False: this question has used up its tries."""
        now = time.monotonic()
        if is_overload(failure):
            # An overloaded server is not a failed one: this costs patience and no tries.
            attempts.rate_limited_since = attempts.rate_limited_since or now
            if now - attempts.rate_limited_since < self._limits.wait:
                attempts.failed_at = server
                await self._pause(server, failure.retry_after or self._limits.first_backoff)
                return True
        attempts.note(server, failure)
        if attempts.failures <= self._limits.retries:
            # Everything in flight failed: find out at once whether someone is there at all,
            # rather than let every question of the batch use up its tries.
            if self._pool.failed_throughout(self._limits.concurrency):
                if await self._contact.until_alive():
                    attempts.start_afresh()
                return True
            await self._pause(server, self._limits.backoff(attempts.failures))
            return True
        if attempts.failures > 1 and self._pool.last_success > attempts.failure_before:
            return False  # others got through between our last two tries: it is this question
        was_away = await self._contact.until_alive()
        if not was_away:
            attempts.fresh_starts += 1
        attempts.start_afresh()
        return attempts.fresh_starts <= FRESH_ROUNDS

    async def _pause(self, failed: Server, seconds: float) -> None:
        """Wait, unless another server can be asked at once."""
        following = self._pool.pick(avoid=failed)
        if following is failed or following.is_resting:
            await asyncio.sleep(seconds)

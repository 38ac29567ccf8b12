"""The judge that asks servers: what survives between batches, and what one batch goes through."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from swift_deepeyes.chat.client import ChatClient, ClientSetupError
from swift_deepeyes.counted import counted
from swift_deepeyes.judge.batch import Batch
from swift_deepeyes.judge.cache import VerdictCache
from swift_deepeyes.judge.contact import Contact
from swift_deepeyes.judge.errors import JudgeError
from swift_deepeyes.judge.policy import JudgeLimits, Policy
from swift_deepeyes.judge.server import Pool
from swift_deepeyes.judge.stats import JudgeCounts, JudgeStats
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, QuestionKind, Verdict
from swift_deepeyes.secret import hide_secrets
from swift_deepeyes.settings import Settings

logger = logging.getLogger(__name__)


class OpenAIJudge:
    """Asks OpenAI-compatible servers.

    Only plain data is kept between batches: the servers' health, the verdict cache, the figures.
    Client, semaphore, lock and tasks live inside one `verdicts` call, because every call may run in
    an event loop of its own.
    """

    def __init__(
        self, settings: Settings, policy: Policy, limits: JudgeLimits | None = None
    ) -> None:
        self._policy = policy
        self._limits = limits or JudgeLimits.of(settings)
        self._api_key = settings.judge_api_key
        self._wanted_model = settings.judge_model or ""
        self._pool = Pool.of(settings.judge_base_url, settings.judge_model)
        self._cache = VerdictCache(0 if policy.one_reply_each else settings.judge_cache)
        self._last = JudgeCounts()
        self._totals = JudgeCounts()

    @property
    def stats(self) -> JudgeStats:
        """The figures of the last batch."""
        return self._last.freeze()

    @property
    def totals(self) -> JudgeStats:
        """The figures of all batches."""
        return self._totals.freeze()

    async def meet(self) -> None:
        """Identify the servers; return when one is there. Asks no question.

        Raises `JudgeError` for a server that will never judge, or where none is reached in time.
        """
        counts = JudgeCounts()
        try:
            async with ChatClient(self._api_key) as client:
                await Contact(client, self._pool, self._limits, counts).meet_all()
        except ClientSetupError as error:
            raise JudgeError(str(error)) from error
        finally:
            self._totals.add(counts)

    @property
    def model(self) -> str:
        """The model as the servers name it; before they were met: the one that is set, or ""."""
        return self._pool.model or self._wanted_model

    @property
    def addresses(self) -> str:
        """All servers, without passwords."""
        return hide_secrets(self._pool.addresses)

    async def verdicts(self, questions: Sequence[JudgeQuestion]) -> list[Verdict]:
        """One verdict per question, in order.

        Raises `JudgeError` when the judge stays away too long, or what listens there will never
        judge. Any other trouble ends in a fallback verdict that says so.
        """
        counts = JudgeCounts(questions=len(questions))
        try:
            return await self._judge(list(questions), counts)
        except ClientSetupError as error:
            raise JudgeError(str(error)) from error
        finally:
            self._last = counts
            self._totals.add(counts)
            _report(counts)

    async def _judge(self, questions: list[JudgeQuestion], counts: JudgeCounts) -> list[Verdict]:
        jobs, places = self._jobs(questions)
        verdicts = await self._settle(jobs)
        counts.by_rule = sum(verdicts[place] is not None for place in places)
        left = [job for job, verdict in enumerate(verdicts) if verdict is None]
        if left:
            await self._ask(jobs, verdicts, left, counts)
        asked = set(left)
        counts.shared = sum(place in asked for place in places) - len(left)
        return [_decided(verdicts[place]) for place in places]

    def _jobs(self, questions: list[JudgeQuestion]) -> tuple[list[JudgeQuestion], list[int]]:
        """The questions to decide, and which of them each sample wants."""
        if self._policy.one_reply_each:
            return questions, list(range(len(questions)))
        jobs: dict[JudgeQuestion, int] = {}
        places = [jobs.setdefault(question, len(jobs)) for question in questions]
        return list(jobs), places

    async def _settle(self, jobs: list[JudgeQuestion]) -> list[Verdict | None]:
        """The verdicts that need no server."""

        def settle_all() -> list[Verdict | None]:
            outcomes = map(self._policy.shortcut, jobs)
            return [
                None if outcome is None else Verdict(outcome=outcome, decided_by=Decider.RULE)
                for outcome in outcomes
            ]

        if any(job.kind is QuestionKind.MATH for job in jobs):
            return await asyncio.to_thread(settle_all)  # it may wait for the math worker
        return settle_all()

    async def _ask(
        self,
        jobs: list[JudgeQuestion],
        verdicts: list[Verdict | None],
        left: list[int],
        counts: JudgeCounts,
    ) -> None:
        """Fill the gaps in `verdicts`, from the cache or by asking."""
        self._pool.start_batch()
        async with ChatClient(self._api_key) as client:
            batch = Batch(client, self._pool, self._policy, self._limits, counts)
            await batch.meet_servers()
            model = self._pool.model

            async def fill(job: int) -> None:
                verdict = await batch.verdict(jobs[job])
                verdicts[job] = verdict
                self._cache.put(model, jobs[job], verdict)

            unknown = []
            for job in left:
                verdicts[job] = self._cache.get(model, jobs[job])
                if verdicts[job] is None:
                    unknown.append(job)
            counts.cached = len(left) - len(unknown)
            counts.asked = len(unknown)
            await _all(fill(job) for job in unknown)


async def _all(coroutines: Any) -> None:
    """Run all; the first error cancels the rest and is raised itself, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def _decided(verdict: Verdict | None) -> Verdict:
    assert verdict is not None
    return verdict


def _report(counts: JudgeCounts) -> None:
    """At most one line per batch, and only if something was not as it should be."""
    if not counts.failures and not counts.unreadable and not counts.fallback:
        return
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.failures.items()))
    logger.warning(
        "Judge: %d of %s asked; %s failed%s, %d asked again beside hung ones, %s "
        "unreadable (%d cut off), %s, %s decided by rule instead.",
        counts.asked,
        counted(counts.questions, "question"),
        counted(counts.failures.total(), "call"),
        f" ({kinds})" if kinds else "",
        counts.hedged,
        counted(counts.unreadable, "reply", "replies"),
        counts.cut,
        counted(counts.retries, "retry", "retries"),
        counted(counts.fallback, "question"),
    )

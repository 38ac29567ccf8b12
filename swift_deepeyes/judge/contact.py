"""Is anyone there? Meeting the servers, and waiting for a judge that is away.

Lives for one batch, because it holds a client, a lock and an event; what it learns is kept in the
pool.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time

from swift_deepeyes.chat.client import ChatClient
from swift_deepeyes.chat.failures import FailedCallError, RequestRefusedError, WrongServerError
from swift_deepeyes.chat.identity import (
    IDENTIFY_SECONDS,
    MAY_COME,
    ServerIdentity,
    ServerKind,
    identify,
)
from swift_deepeyes.judge.errors import NAMES, JudgeError
from swift_deepeyes.judge.policy import JudgeLimits
from swift_deepeyes.judge.request import Guidance, request_body
from swift_deepeyes.judge.server import Pool, Server, wished_rest
from swift_deepeyes.judge.stats import JudgeCounts
from swift_deepeyes.judge.wait_limit import WaitLimit
from swift_deepeyes.scoring.verdict import JudgeQuestion, QuestionKind

logger = logging.getLogger(__name__)

PROBE = JudgeQuestion(
    kind=QuestionKind.OPEN, question="What colour is the sky?", reference="Blue.", answer="Blue."
)
LATECOMER_SECONDS = 2.0
LOOK_AGAIN_SECONDS = 1.0
CHAT = ServerKind.CHAT
GARBLED_LIMIT = 5  # model lists in a row that are none: not a hiccup but another kind of server


class Contact:
    """Knows during one batch which servers are there."""

    def __init__(
        self, client: ChatClient, pool: Pool, limits: JudgeLimits, counts: JudgeCounts
    ) -> None:
        self._client = client
        self._pool = pool
        self._limits = limits
        self._counts = counts
        self._probing = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._open = asyncio.Event()
        self._open.set()
        self._back_at = 0.0
        self._garbled = 0

    async def meet_all(self) -> None:
        """Identify the servers not met yet; at least one must be a chat server afterwards.

        Waits for a judge that is still starting. Raises `JudgeError` for a server that will never
        judge, or when the wait is over.
        """
        unidentified = [server for server in self._pool.servers if server.is_unidentified]
        if not unidentified:
            return
        await asyncio.sleep(_rank_jitter())
        # A second server that is missing must not hold up every batch.
        patience = LATECOMER_SECONDS if self._pool.known else IDENTIFY_SECONDS
        identities = await asyncio.gather(
            *(identify(self._client, server.address, patience) for server in unidentified)
        )
        # The chat servers first: whether the others stop the run depends on whether there is one.
        met = sorted(
            zip(unidentified, identities, strict=True), key=lambda one: one[1].kind is not CHAT
        )
        for server, identity in met:
            self._introduce(server, identity)
        if not self._pool.known:
            await self.until_alive()

    async def wait_while_away(self) -> None:
        """Return at once, unless the judge is known to be away: then when it is back."""
        await self._open.wait()

    async def until_alive(self) -> bool:
        """Return when a server answers. True: the judge was away and came back meanwhile.

        Raises `JudgeError` when it stays away for longer than `DEEPEYES_JUDGE_WAIT`, or, where it
        was never there, `DEEPEYES_JUDGE_START_WAIT`: that is a wrong address rather than a restart.
        """
        since = time.monotonic()
        async with self._probing:
            if self._back_at > since:
                return True
            if self._pool.last_success > since:
                return False
            return await self._probe_until_alive(since)

    async def confirm_refusal(self, server: Server) -> None:
        """Make sure that it is one question that `server` refuses: `JudgeError` if it is all."""
        async with self._probing:
            if not server.answered:
                await self._probe(server)

    async def bear_absence(self, server: Server, error: WrongServerError) -> None:
        """Return where it may pass that a server says that it is none.

        A restarting judge is a 404 of its gateway: where it has judged before, or another one is
        known, that passes. Raises `JudgeError` where it cannot.
        """
        async with self._looking:
            if self._pool.has_another(server):
                self._complain(server, str(error))
            elif error.knows_us or not server.answered or not await self._may_return(server):
                raise await self._explained(server, str(error))

    async def _may_return(self, server: Server) -> bool:
        """Whether nothing else has taken the place of a server that judged before."""
        now = time.monotonic()
        if now - server.looked_at < LOOK_AGAIN_SECONDS:
            return True  # another call has just looked
        server.looked_at = now
        identity = await identify(self._client, server.address)
        if identity.kind is CHAT:
            return server.model in identity.models
        return identity.kind is not ServerKind.ROLLOUT

    async def _explained(self, server: Server, detail: str) -> JudgeError:
        """The error for a server that said it will never judge."""
        identity = await identify(self._client, server.address)
        if identity.kind is not CHAT:
            return JudgeError(identity.found(NAMES), identity.fix(NAMES))
        return JudgeError(
            f"{NAMES.url}: {server.url} refuses to judge with model {server.model!r} ({detail}).",
            f"It lists {_names(identity)}; set DEEPEYES_JUDGE_MODEL to one of them, or leave it "
            "out, and check DEEPEYES_JUDGE_API_KEY.",
        )

    def _complain(self, server: Server, problem: str) -> None:
        """Say once what is wrong with one of several servers; the run goes on with the others."""
        if problem != server.complaint:
            server.complaint = problem
            logger.warning("The judge at %s is left out for now: %s", server.url, problem)

    async def _probe_until_alive(self, since: float) -> bool:
        self._open.clear()
        next_log = self._limits.log_interval if self._pool.was_reached else 0.0
        away = False
        probes: dict[str, asyncio.Task[bool]] = {}
        try:
            while not await self._anyone_answers(since, probes):
                away = True
                waited = time.monotonic() - since
                patience = self._patience
                if waited >= patience.seconds:
                    raise await self._gone(waited, patience)
                if waited >= next_log:
                    next_log = max(2 * waited, self._limits.log_interval)
                    logger.warning("%s %s", patience.waiting(waited), await self._found())
                await asyncio.sleep(min(self._limits.probe_pause(), patience.seconds - waited))
        finally:
            self._open.set()
            for probe in probes.values():
                probe.cancel()
            await asyncio.gather(*probes.values(), return_exceptions=True)
            if away:
                self._counts.away_seconds += time.monotonic() - since
        if away:
            self._back_at = time.monotonic()
            logger.warning("The judge is back after %.1f s.", self._back_at - since)
        return away

    async def _anyone_answers(self, since: float, probes: dict[str, asyncio.Task[bool]]) -> bool:
        """Whether a server answers; the first that does not ends the look, as others may hang.

        `probes`, by URL: those of earlier looks that are still waited for.
        """
        if self._pool.last_success > since:
            return True
        for server in self._pool.servers:
            if server.url not in probes:
                probes[server.url] = asyncio.create_task(self._probe(server))
        await asyncio.wait(probes.values(), return_when=asyncio.FIRST_COMPLETED)
        over = [probes.pop(url) for url in list(probes) if probes[url].done()]
        return any(probe.result() for probe in over)

    async def _probe(self, server: Server) -> bool:
        """Ask the simplest question; a model list would also come from a broken engine."""
        if not server.is_known:
            identity = await identify(self._client, server.address)
            if not self._introduce(server, identity):
                return False
        body = request_body(PROBE, server.model or "", Guidance.PLAIN, attempt=0)
        try:
            await self._client.complete(server.address, body, self._limits.timeout)
        except RequestRefusedError as refusal:
            problem = JudgeError(
                f"{NAMES.url}: {server.url} refuses even the simplest chat request ({refusal}).",
                "Check that DEEPEYES_JUDGE_MODEL is a chat model with a context of 2,048 tokens or "
                "more.",
            )
            if not self._pool.has_another(server):
                raise problem from None
            self._complain(server, str(problem))
            server.note_failure()
            return False
        except FailedCallError as failure:
            if isinstance(failure, WrongServerError):
                await self.bear_absence(server, failure)
            server.note_failure(wished_rest(failure))
            return False
        self._pool.note_success(server)
        return True

    def _introduce(self, server: Server, identity: ServerIdentity) -> bool:
        """Take in who answered. False: not a judge yet. `JudgeError`: not one, and it never is."""
        problem = _problem(identity, server.model)
        if problem is None:
            server.introduce(server.model or identity.models[0])
            return True
        self._garbled = self._garbled + 1 if identity.kind is ServerKind.GARBLED else 0
        may_come = identity.kind in MAY_COME and self._garbled < GARBLED_LIMIT
        if not may_come and not self._is_dispensable(identity):
            raise JudgeError(*problem)
        if self._pool.known:
            self._complain(server, " ".join(problem))
        server.note_failure()
        return False

    def _is_dispensable(self, identity: ServerIdentity) -> bool:
        """Whether the run can go on without a server that is none.

        Beside a known one, a 404 is a judge behind a gateway that is still starting, and once there
        are verdicts nothing that a second server says ends the run. At the start, a wrong port, key
        or model is a mistake to mend.
        """
        if not self._pool.known:
            return False
        return identity.kind is ServerKind.OTHER or self._pool.last_success > 0

    @property
    def _patience(self) -> WaitLimit:
        if self._pool.was_reached:
            return WaitLimit(self._limits.wait)
        return WaitLimit(self._limits.start_wait, is_start=True)

    async def _gone(self, waited: float, patience: WaitLimit) -> JudgeError:
        return JudgeError(patience.over(waited), await self._found())

    async def _found(self) -> str:
        """What is at each address now, and what to do about it."""
        identities = await asyncio.gather(
            *(identify(self._client, server.address) for server in self._pool.servers)
        )
        return " ".join(
            identity.problem(NAMES)
            if identity.kind is not CHAT
            else f"{NAMES.url}: {identity.url} lists its models but answers no question."
            for identity in identities
        )


def _problem(identity: ServerIdentity, wanted: str | None = None) -> tuple[str, str] | None:
    """What is wrong with a server (not a chat server, or its models), and the fix; None: nothing.

    `wanted`: the model that `DEEPEYES_JUDGE_MODEL` names.
    """
    if identity.kind is not CHAT:
        return identity.found(NAMES), identity.fix(NAMES)
    if not identity.models:
        found = f"{NAMES.url}: {identity.url} serves no model."
        return found, "Start the judge with one (`swift deploy --model …`)."
    if wanted is not None and wanted not in identity.models:
        return (
            f"DEEPEYES_JUDGE_MODEL={wanted!r} is not served by {identity.url}, which lists "
            f"{_names(identity)}.",
            "Set one of these, or leave it out to take the first.",
        )
    return None


def _names(identity: ServerIdentity) -> str:
    return ", ".join(repr(name) for name in identity.models[:8]) or "no model"


def _rank_jitter() -> float:
    """Seconds that spread the ranks of one run: they all meet the judge at the same step."""
    ranks = os.environ.get("WORLD_SIZE", "1")
    count = int(ranks) if ranks.isdigit() else 1
    return random.uniform(0.0, min(0.01 * (count - 1), 2.0))

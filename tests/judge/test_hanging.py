"""Calls that hang: asked again beside them, few, and only where others get through."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from swift_deepeyes.chat.failures import Cause, FailedCallError
from swift_deepeyes.chat.reply import Reply
from swift_deepeyes.judge.caller import FailedAtServerError, Patience, Race
from swift_deepeyes.judge.server import Pool, Server
from swift_deepeyes.judge.stats import JudgeCounts
from swift_deepeyes.scoring.verdict import Decider, Outcome
from tests.judge.chat_server import ChatServer, Fault
from tests.judge.judging import judge_all, make, samples, truth

ONE_CALL = 0.05


def hanging(*numbers: int, times: int = 1) -> Callable[[dict[str, Any]], Fault]:
    """The first `times` calls for these samples hang."""
    left = {f"sample {number} ": times for number in numbers}

    def fault(request: dict[str, Any]) -> Fault:
        for name in left:
            if name in request["messages"][0]["content"] and left[name]:
                left[name] -= 1
                return Fault.TIMEOUT
        return Fault.NONE

    return fault


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("concurrency", [1, 32, 64])
def test_three_of_96_calls_hang(server: ChatServer, concurrency: int, times: int) -> None:
    server.script.reply = truth
    server.script.latency = ONE_CALL if concurrency > 1 else 0.002
    server.script.hang = 120.0
    server.script.fault = hanging(5, 40, 95, times=times)
    judge = make(server.url, concurrency=concurrency, timeout=120.0)
    started = time.monotonic()
    verdicts = judge_all(judge, samples(96))
    seconds = time.monotonic() - started
    # 40 times one call is two seconds; a machine with other work is slower with every call.
    busy = max(judge.stats.latency_median / server.script.latency, 1.0)
    assert seconds < 40 * ONE_CALL * times * busy
    assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
    assert [v.outcome is Outcome.RIGHT for v in verdicts] == [n % 3 == 0 for n in range(96)]
    stats = judge.stats
    assert stats.hedged == 3 * times
    assert stats.failures == {"timeout": 3 * times}  # what was overtaken had failed
    assert stats.as_metrics()["hedged"] == 3 * times


def test_a_small_later_batch_knows_what_is_usual_from_the_one_before(server: ChatServer) -> None:
    server.script.latency = 0.01
    server.script.hang = 120.0
    judge = make(server.url, timeout=120.0)
    judge_all(judge, samples(12))
    server.script.fault = hanging(100)
    started = time.monotonic()
    judge_all(judge, samples(1, first=100))
    assert time.monotonic() - started < 20.0  # not 120


def test_the_other_server_is_asked(server: ChatServer) -> None:
    """One of two judges accepts connections and answers none: its share goes to the other."""
    with ChatServer() as deaf:
        server.script.reply = truth
        for one in (server, deaf):
            one.script.latency = 0.01
        judge = make(server.url, deaf.url, timeout=120.0)
        judge_all(judge, samples(40))
        deaf.script.fault = lambda request: Fault.TIMEOUT
        deaf.script.hang = 120.0
        started = time.monotonic()
        verdicts = judge_all(judge, samples(200, first=300))
        assert time.monotonic() - started < 20.0  # not 120
        assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
        # Rested after three; the rest may just be over.
        assert judge._pool.servers[1].failures_in_a_row >= 3


def test_a_server_that_is_slow_as_a_whole_is_not_asked_twice(server: ChatServer) -> None:
    """It stalls for a second and a half after 40 replies: no stampede on top of that."""
    server.script.reply = truth
    stalled_until = 0.0

    def stall(request: dict[str, Any]) -> Fault:
        nonlocal stalled_until
        if len(server.log.served) >= 40 and not stalled_until:
            stalled_until = time.monotonic() + 1.5
        server.script.slow = max(stalled_until - time.monotonic(), 0.01)
        return Fault.SLOW

    server.script.fault = stall
    judge = make(server.url, timeout=120.0)
    verdicts = judge_all(judge, samples(200))
    assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
    assert judge.stats.hedged <= 20
    assert len(server.log.requests) <= 200 + judge.stats.hedged


def test_a_call_that_fails_in_the_moment_of_the_reply_is_a_failure_and_a_retry() -> None:
    async def race_once() -> JudgeCounts:
        counts, end = JudgeCounts(latencies=[0.01] * 5), asyncio.Event()
        pool = Pool.of(("http://a",), "m")
        pool.servers[0].introduce("m")
        asked = itertools.count()

        async def ask(server: Server) -> Reply:
            number = next(asked)
            await end.wait()
            if number == 0:
                counts.failures[Cause.TIMEOUT] += 1
                failure = FailedCallError(Cause.TIMEOUT, "hung")
                raise FailedAtServerError(server, failure)
            return Reply("1", seconds=0.3)

        race = Race(ask, pool, Patience(counts.latencies, ()), counts)
        asyncio.get_running_loop().call_later(0.8, end.set)
        assert (await race.run(pool.servers[0])).text == "1"
        return counts

    async def races() -> list[JudgeCounts]:
        return await asyncio.gather(*(race_once() for _ in range(16)))

    for counts in asyncio.run(races()):
        assert (counts.hedged, counts.failures.total(), counts.retries) == (1, 1, 1)


def test_calls_beside_others_are_a_tenth_at_most_but_those_that_help_are_free() -> None:
    patience = Patience([0.1] * 100, ())
    assert [patience.take_hedge() for _ in range(12)] == [True] * 10 + [False] * 2
    patience.give_back()
    assert [patience.take_hedge(), patience.take_hedge()] == [True, False]


def test_what_is_usual() -> None:
    assert Patience([0.1, 0.1], ()).seconds() is None
    assert Patience([0.1] * 3, ()).seconds() == pytest.approx(0.5)
    assert Patience([0.001] * 30, ()).seconds() == 0.5  # this machine's own hiccups
    assert Patience([1.0] * 80 + [9.0] * 20, ()).seconds() == 27.0  # some replies are long
    assert Patience([0.1], [2.0] * 9).seconds() == 10.0  # the batch before, until this one knows

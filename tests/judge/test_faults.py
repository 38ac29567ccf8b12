"""The fault suite: a real HTTP server on a local socket, every fault alone and mixed at 30 %."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from swift_deepeyes.judge import JudgeError
from swift_deepeyes.judge.openai_judge import OpenAIJudge
from swift_deepeyes.scoring.verdict import Decider, Outcome, Verdict
from tests.judge.chat_server import FAULTS, ChatServer, Fault, random_faults
from tests.judge.judging import judge_all, make, samples, truth


def expected(count: int) -> list[Outcome]:
    return [Outcome.RIGHT if number % 3 == 0 else Outcome.WRONG for number in range(count)]


def outcomes(verdicts: list[Verdict]) -> list[Outcome]:
    return [verdict.outcome for verdict in verdicts]


def assert_nothing_lost(server: ChatServer, judge: OpenAIJudge, verdicts: list[Verdict]) -> None:
    """Every verdict that the server gave was kept, and every failure was counted."""
    stats = judge.stats
    by_server = [verdict for verdict in verdicts if verdict.decided_by is Decider.SERVER]
    fallbacks = [v for v in verdicts if v.decided_by is Decider.RULE_AFTER_FAILURE]
    assert len(by_server) + len(fallbacks) == len(verdicts)
    assert stats.fallback == len(fallbacks)
    assert_all_counted(server, judge)
    for number, verdict in enumerate(verdicts):
        if verdict.decided_by is Decider.SERVER:
            assert verdict.outcome is (Outcome.RIGHT if number % 3 == 0 else Outcome.WRONG)


def assert_all_counted(server: ChatServer, judge: OpenAIJudge) -> None:
    """Every fault is a failure; on a busy machine, a healthy reply may come too late as well.

    There, a call beside another may also be beaten and cancelled before its fault is seen.
    """
    late = judge.stats.failed - len(server.log.faults)
    assert -judge.stats.hedged <= late <= judge.stats.failures.get("timeout", 0)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_is_retried_and_counted(server: ChatServer, fault: Fault) -> None:
    seen: set[str] = set()

    def first_time_only(request: dict[str, object]) -> Fault:
        content = str(request["messages"])
        if content in seen or len(seen) % 4:
            seen.add(content)
            return Fault.NONE
        seen.add(content)
        return fault

    server.script.reply = truth
    server.script.fault = first_time_only
    judge = make(server.url, timeout=0.5 if fault is Fault.TIMEOUT else 10.0)
    verdicts = judge_all(judge, samples(40))
    assert outcomes(verdicts) == expected(40)
    assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
    assert len(server.log.faults) >= 5
    assert_all_counted(server, judge)
    # A failure needs no retry where the call beside it brought the reply.
    stats = judge.stats
    assert stats.failed - stats.hedged <= stats.retries <= stats.failed


def test_mixed_faults_over_two_thousand_samples(server: ChatServer) -> None:
    server.script.reply = truth
    server.script.fault = random_faults(0.3, seed=7)
    judge = make(server.url, timeout=1.5)
    verdicts = judge_all(judge, samples(2000))
    assert len(verdicts) == 2000
    assert_nothing_lost(server, judge, verdicts)
    assert len(server.log.faults) > 600
    assert judge.stats.fallback < 40
    assert set(judge.stats.failures) == {
        "timeout", "connection", "rate_limit", "server_error", "bad_body", "no_choices"
    }  # fmt: skip


def test_a_question_that_always_fails_is_decided_by_rule_and_counted(server: ChatServer) -> None:
    server.script.reply = truth
    server.script.fault = lambda request: (
        Fault.ERROR_500 if "sample 5 " in str(request["messages"]) else Fault.NONE
    )
    judge = make(server.url)
    verdicts = judge_all(judge, samples(12))
    assert verdicts[5].decided_by is Decider.RULE_AFTER_FAILURE
    assert verdicts[5].outcome is Outcome.WRONG
    assert judge.stats.fallback == 1
    assert [v.outcome for v in verdicts if v is not verdicts[5]] == [
        outcome for number, outcome in enumerate(expected(12)) if number != 5
    ]


def test_a_slow_server_is_only_slow(server: ChatServer) -> None:
    server.script.reply = truth
    server.script.fault = lambda request: Fault.SLOW
    judge = make(server.url)
    assert outcomes(judge_all(judge, samples(30))) == expected(30)
    assert judge.stats.failed == 0
    assert 0.2 <= judge.stats.latency_median < 1.0


def test_retry_after_is_waited_for_and_costs_no_tries(server: ChatServer) -> None:
    server.script.reply = truth
    server.script.retry_after = "0.3"
    end = time.monotonic() + 1.0
    server.script.fault = lambda request: Fault.RATE_LIMIT if time.monotonic() < end else Fault.NONE
    judge = make(server.url, retries=0)
    verdicts = judge_all(judge, samples(5))
    assert outcomes(verdicts) == expected(5)
    assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
    # 5 questions, 3 or 4 refusals each: without the wait it would be hundreds.
    assert len(server.log.requests) <= 5 * 6


def test_a_rate_limited_question_is_not_decided_by_rule(server: ChatServer) -> None:
    """Others get through meanwhile: an overloaded server is not a question that fails."""
    refusals: Counter[str] = Counter()

    def refuse_five_times(request: dict[str, object]) -> Fault:
        content = str(request["messages"])
        refusals[content] += "sample 3 " in content
        return Fault.RATE_LIMIT if 0 < refusals[content] <= 5 else Fault.NONE

    server.script.reply = truth
    server.script.fault = refuse_five_times
    server.script.latency = 0.01
    judge = make(server.url, retries=1, concurrency=2)
    verdicts = judge_all(judge, samples(80))
    assert outcomes(verdicts) == expected(80)
    assert verdicts[3].decided_by is Decider.SERVER
    assert judge.stats.failures == {"rate_limit": 5}


def test_a_server_that_dies_and_returns_changes_no_verdict(server: ChatServer) -> None:
    server.script.reply = truth
    server.script.latency = 0.02
    undisturbed = judge_all(make(server.url), samples(400))

    def interrupt() -> None:
        while len(server.log.served) < 400 + 150:
            time.sleep(0.002)
        server.stop()
        time.sleep(3.0)
        server.start()

    judge = make(server.url, concurrency=16)
    killer = threading.Thread(target=interrupt)
    killer.start()
    disturbed = judge_all(judge, samples(400))
    killer.join()
    assert disturbed == undisturbed
    assert judge.stats.fallback == 0
    assert judge.stats.failed > 0
    assert 1.0 < judge.stats.away_seconds < 6.0


def test_a_judge_that_stays_away_stops_the_run(
    server: ChatServer, caplog: pytest.LogCaptureFixture
) -> None:
    judge = make(server.url, wait=1.3)
    judge_all(judge, samples(2))
    server.stop()
    started = time.monotonic()
    with pytest.raises(JudgeError, match="DEEPEYES_JUDGE_WAIT") as error:
        judge_all(judge, samples(20, first=100))
    assert 1.3 <= time.monotonic() - started < 15.0
    assert server.url in str(error.value)
    assert "DEEPEYES_JUDGE=rule" in str(error.value)
    waiting = [record for record in caplog.records if "is away for" in record.message]
    assert 1 <= len(waiting) <= 3  # one line per log interval (0.5 s here), not one per question
    server.start()
    assert len(judge_all(judge, samples(3, first=200))) == 3  # the object itself is not spoilt


def test_the_first_batch_waits_for_a_judge_that_is_still_starting(server: ChatServer) -> None:
    server.script.reply = truth
    server.stop()
    starter = threading.Timer(0.8, server.start)
    starter.start()
    judge = make(server.url)
    assert outcomes(judge_all(judge, samples(6))) == expected(6)
    assert judge.stats.away_seconds > 0.4
    starter.join()


def test_two_servers_share_the_load(server: ChatServer) -> None:
    with ChatServer() as second:
        for one in (server, second):
            one.script.reply = truth
            one.script.latency = 0.01
        judge = make(server.url, second.url)
        assert outcomes(judge_all(judge, samples(200))) == expected(200)
        # The first 64 are dealt out evenly; after that, the faster one gets more.
    assert min(len(server.log.served), len(second.log.served)) >= 32


def test_a_dead_server_is_rested_and_its_questions_go_to_the_other(server: ChatServer) -> None:
    with ChatServer() as second:
        server.script.reply = second.script.reply = truth
        server.script.latency = second.script.latency = 0.01
        judge = make(server.url, second.url)
        judge_all(judge, samples(20))
        second.stop()
        verdicts = judge_all(judge, samples(300))
        assert outcomes(verdicts) == expected(300)
        assert judge.stats.fallback == 0
        assert judge.stats.away_seconds == 0
        assert judge.stats.failed < 80  # at most what was in flight, then it rests
        second.start()
        served = len(second.log.served)
        for batch in range(20):
            judge_all(judge, samples(20, first=1000 + 20 * batch))
            time.sleep(0.05)
        assert len(second.log.served) > served  # tried again later


def test_a_server_that_is_missing_from_the_start_joins_later(server: ChatServer) -> None:
    late = ChatServer()
    server.script.reply = late.script.reply = truth
    server.script.latency = late.script.latency = 0.01
    judge = make(server.url, late.url)
    assert outcomes(judge_all(judge, samples(20))) == expected(20)
    assert judge.stats.away_seconds == 0
    with late:
        for batch in range(6):
            judge_all(judge, samples(20, first=100 + 20 * batch))
            time.sleep(0.15)
    assert len(late.log.served) > 10


def test_two_batches_in_loops_of_their_own(server: ChatServer) -> None:
    server.script.reply = truth
    judge = make(server.url, cache=0)
    for _ in range(3):
        assert outcomes(judge_all(judge, samples(50))) == expected(50)
    assert server.log.model_lists == 1
    assert judge.stats.questions == 50
    assert judge.totals.questions == 150


def test_concurrency_is_bounded(server: ChatServer) -> None:
    server.script.latency = 0.01
    judge_all(make(server.url, concurrency=7), samples(60))
    assert server.log.most_in_flight == 7


def test_a_batch_that_ends_in_an_error_leaves_no_task_behind(server: ChatServer) -> None:
    server.script.latency = 0.05
    judge = make(server.url)
    judge_all(judge, samples(1))
    server.script.chat_status = 401
    with pytest.raises(JudgeError):
        judge_all(judge, samples(30, first=10))
    server.script.chat_status = 200
    judge_all(judge, samples(5, first=50))
    assert all(one.in_flight == 0 for one in judge._pool.servers)

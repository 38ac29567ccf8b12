"""A judge that says 404 while it restarts: rested where it may return, an error at the start."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from swift_deepeyes.judge import JudgeError
from swift_deepeyes.judge.server import Server
from swift_deepeyes.scoring.verdict import Decider, Verdict
from tests.judge.chat_server import ChatServer
from tests.judge.judging import judge_all, make, samples, truth

NOTHING = ("/",)  # the routes of a gateway whose judge is not there
ROUTES = ("/v1/models", "/v1/chat/completions")


def deciders(verdicts: list[Verdict]) -> set[Decider]:
    return {verdict.decided_by for verdict in verdicts}


@pytest.fixture
def pair(server: ChatServer):  # type: ignore[no-untyped-def]
    with ChatServer() as second:
        for one in (server, second):
            one.script.reply = truth
            one.script.latency = 0.005
        yield server, second


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405])
def test_one_of_two_that_refuses_in_the_middle_is_left_out(
    pair: tuple[ChatServer, ChatServer], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    server, second = pair
    judge = make(server.url, second.url)
    judge_all(judge, samples(40))
    second.script.chat_status = status
    assert deciders(judge_all(judge, samples(100, first=100))) == {Decider.SERVER}
    assert judge.stats.fallback == 0 and judge.stats.failures["absent"] >= 3
    assert sum("left out" in record.message for record in caplog.records) == 1
    assert second.url in caplog.text and str(status) in caplog.text
    second.script.chat_status = 200
    served = len(second.log.served)
    for batch in range(12):
        judge_all(judge, samples(20, first=1000 + 20 * batch))
        time.sleep(0.1)
    assert len(second.log.served) > served  # it is back


def test_a_pod_that_restarts_behind_its_gateway(pair: tuple[ChatServer, ChatServer]) -> None:
    server, second = pair
    judge = make(server.url, second.url)
    judge_all(judge, samples(40))
    second.script.routes = NOTHING
    assert deciders(judge_all(judge, samples(100, first=100))) == {Decider.SERVER}


def test_a_second_judge_that_starts_behind_a_404_joins_later(
    pair: tuple[ChatServer, ChatServer], caplog: pytest.LogCaptureFixture
) -> None:
    server, second = pair
    second.script.routes = NOTHING
    judge = make(second.url, server.url)  # the order does not matter
    assert deciders(judge_all(judge, samples(40))) == {Decider.SERVER}
    assert second.log.requests == []
    assert "left out" in caplog.text and second.url in caplog.text
    second.script.routes = ROUTES
    for batch in range(10):
        judge_all(judge, samples(20, first=100 + 20 * batch))
        time.sleep(0.15)
    assert len(second.log.served) > 10


def test_a_second_judge_with_a_wrong_key_is_a_mistake_at_the_start(
    pair: tuple[ChatServer, ChatServer],
) -> None:
    server, second = pair
    second.script.key = "another"
    with pytest.raises(JudgeError, match="DEEPEYES_JUDGE_API_KEY"):
        judge_all(make(server.url, second.url), samples(4))


def test_a_second_judge_that_comes_back_as_something_else_does_not_end_the_run(
    pair: tuple[ChatServer, ChatServer],
) -> None:
    server, second = pair
    second.stop()
    judge = make(server.url, second.url)
    judge_all(judge, samples(10))
    second.script.routes = ("/init_communicator/", "/update_named_param/")
    second.start()
    for batch in range(5):
        verdicts = judge_all(judge, samples(10, first=100 + 10 * batch))
        assert deciders(verdicts) == {Decider.SERVER}
        time.sleep(0.15)


def test_a_single_judge_that_has_answered_may_be_absent_for_a_while(server: ChatServer) -> None:
    server.script.reply = truth
    judge = make(server.url)
    judge_all(judge, samples(10))
    server.script.routes = NOTHING

    def restart() -> None:
        time.sleep(1.0)
        server.script.routes = ROUTES

    restarter = threading.Thread(target=restart)
    restarter.start()
    verdicts = judge_all(judge, samples(40, first=100))
    restarter.join()
    assert deciders(verdicts) == {Decider.SERVER}
    assert judge.stats.away_seconds > 0.3


def test_a_single_judge_that_stays_absent_stops_the_run_with_the_reason(
    server: ChatServer,
) -> None:
    judge = make(server.url, wait=0.6)
    judge_all(judge, samples(3))
    server.script.routes = NOTHING
    with pytest.raises(JudgeError, match="not a chat server"):
        judge_all(judge, samples(3, first=10))


def test_a_single_judge_that_never_answered_is_an_error_at_once(server: ChatServer) -> None:
    server.script.chat_status = 404
    started = time.monotonic()
    with pytest.raises(JudgeError, match="DEEPEYES_JUDGE_BASE_URL"):
        judge_all(make(server.url), samples(10))
    assert time.monotonic() - started < 20.0  # not DEEPEYES_JUDGE_WAIT


def test_a_judge_that_returns_with_another_model_stops_the_run(server: ChatServer) -> None:
    judge = make(server.url)
    judge_all(judge, samples(3))
    server.script.models = ("another-model",)
    server.script.chat_status = 404  # what vLLM says to the old name
    with pytest.raises(JudgeError, match="DEEPEYES_JUDGE_MODEL"):
        judge_all(judge, samples(3, first=10))


def test_one_that_hangs_does_not_hide_the_one_that_is_back(
    pair: tuple[ChatServer, ChatServer], caplog: pytest.LogCaptureFixture
) -> None:
    server, second = pair
    judge = make(server.url, second.url, concurrency=2, timeout=60.0)
    judge_all(judge, samples(10))
    second.script.latency = 30.0
    server.stop()
    timer = threading.Timer(0.7, server.start)
    timer.start()
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        verdicts = judge_all(judge, samples(2, first=100))
    timer.join()
    assert deciders(verdicts) == {Decider.SERVER}
    assert time.monotonic() - started < 15.0


def test_a_server_prints_without_its_password() -> None:
    from swift_deepeyes.chat.address import Address

    server = Server(Address.of("http://me:pa%2Fss@host:1/v1"))
    assert server.url == "http://host:1/v1"
    assert "pa" not in repr(server) and "Basic" not in repr(server)

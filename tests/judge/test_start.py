"""A judge is met before the first question; one that was never reached is given up soon."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from swift_deepeyes.judge import JudgeError
from tests.judge.chat_server import ChatServer
from tests.judge.judging import judge_all, make, samples, truth

NOBODY = "http://127.0.0.1:9/v1"  # the discard port: nothing listens there


def test_one_never_reached_is_given_up_after_the_start_wait() -> None:
    started = time.monotonic()
    with pytest.raises(JudgeError, match="No judge was reached within") as caught:
        asyncio.run(make(NOBODY, start_wait=0.4, wait=60.0).meet())
    assert 0.4 <= time.monotonic() - started < 3.0
    text = str(caught.value)
    assert "DEEPEYES_JUDGE_START_WAIT=0.4" in text and f"DEEPEYES_JUDGE_BASE_URL: {NOBODY}" in text
    assert "DEEPEYES_JUDGE=rule" in text


def test_questions_are_given_up_as_soon() -> None:
    with pytest.raises(JudgeError, match=r"DEEPEYES_JUDGE_START_WAIT=0\.2"):
        judge_all(make(NOBODY, start_wait=0.2, wait=60.0), samples(3))


def test_one_that_was_met_and_went_away_is_waited_for_as_long_as_that_says(
    server: ChatServer,
) -> None:
    server.script.reply = truth
    judge = make(server.url, start_wait=0.0, wait=20.0)
    asyncio.run(judge.meet())
    server.stop()
    starter = threading.Timer(0.8, server.start)
    starter.start()
    assert len(judge_all(judge, samples(3))) == 3
    starter.join()


def test_meeting_asks_no_question_and_is_enough(server: ChatServer) -> None:
    judge = make(server.url)
    asyncio.run(judge.meet())
    assert (server.log.model_lists, len(server.log.requests)) == (1, 0)
    judge_all(judge, samples(2))
    assert server.log.model_lists == 1


def test_a_wait_at_the_start_is_one_line_that_names_its_setting(
    server: ChatServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    starter = threading.Timer(0.5, server.start)
    starter.start()
    asyncio.run(make(server.url, start_wait=20.0, log_interval=30.0).meet())
    starter.join()
    waiting = [text for text in caplog.messages if "DEEPEYES_JUDGE_START_WAIT" in text]
    assert len(waiting) == 1 and "waiting up to 20 s" in waiting[0] and server.url in waiting[0]


@pytest.mark.parametrize("status", [401, 404])
def test_a_wrong_key_or_address_is_not_waited_for(server: ChatServer, status: int) -> None:
    server.script.models_status = status
    started = time.monotonic()
    with pytest.raises(JudgeError, match="DEEPEYES_JUDGE_"):
        asyncio.run(make(server.url, start_wait=60.0).meet())
    assert time.monotonic() - started < 3.0


def test_nor_is_a_model_that_is_not_served(server: ChatServer) -> None:
    with pytest.raises(JudgeError, match="DEEPEYES_JUDGE_MODEL='other'"):
        asyncio.run(make(server.url, model="other", start_wait=60.0).meet())

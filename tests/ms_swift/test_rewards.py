"""The four rewards as ms-swift calls them: its own scoring function, its samples, a real judge."""

from __future__ import annotations

import asyncio
import doctest
import json
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from swift_deepeyes.episode.trajectory import Trajectory, TurnRecord
from swift_deepeyes.judge import JudgeError
from swift_deepeyes.ms_swift import process as state
from swift_deepeyes.ms_swift import rewards
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.rewards import (
    DeepEyesAccuracy,
    DeepEyesFormat,
    DeepEyesReward,
    DeepEyesTool,
    score_columns,
)
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, Verdict
from swift_deepeyes.settings import SettingsError
from tests.ms_swift.reward_batch import Row, rewards_by_ms_swift

CLASSES = (DeepEyesReward, DeepEyesAccuracy, DeepEyesFormat, DeepEyesTool)
USER = {"role": "user", "content": "<image>\nWhich colour is the ball?"}
CROP = {"role": "user", "content": "<tool_response><image></tool_response>"}


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings and judge as in a fresh process, with the judge that needs no server."""
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    yield
    assert process.in_flight == {}, "a batch outlived its event loop"


class JudgeServer:
    """A chat server that says `reply` and keeps every question; counts calls."""

    def __init__(self, server: HTTPServer, reply: str) -> None:
        self.prompts: list[str] = []
        self._reply = reply
        server.expect_request("/v1/models").respond_with_json(
            {"object": "list", "data": [{"id": "judge", "object": "model"}]}
        )
        server.expect_request("/v1/chat/completions").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        self.prompts.append(request.get_json()["messages"][-1]["content"])
        message = {"role": "assistant", "content": self._reply}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = {"id": "1", "object": "chat.completion", "model": "judge", "choices": [choice]}
        return Response(json.dumps(body), content_type="application/json")


@pytest.fixture
def judge_server(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> JudgeServer:
    """A judge that finds everything right, and is the one of the run."""
    monkeypatch.setenv("DEEPEYES_JUDGE", "openai")
    monkeypatch.setenv("DEEPEYES_JUDGE_BASE_URL", httpserver.url_for("/v1"))
    process.reset()
    return JudgeServer(httpserver, "1")


def sample(answer: str, *, crops: int = 0, with_record: bool = True, **extra: Any) -> Row:
    """A vstar trajectory as ms-swift 4.6 leaves it: token ids in every turn but the last."""
    last = f"<think>I see.</think> <answer>{answer}</answer>"
    calls = [message for _ in range(crops) for message in ({"role": "assistant"}, CROP)]
    messages = [
        {**message, "content": message.get("content", [77, 78])}
        for message in [USER, *calls, {"role": "assistant", "content": last}]
    ]
    turns = [TurnRecord(text="<tool_call>…</tool_call>", observation=CROP["content"])] * crops
    record = Trajectory(
        turns=(*turns, TurnRecord(text=last)),
        source_images=1,
        crops=crops,
        toolbox="visual_toolbox_v2",
    )
    columns = {
        "data_source": "vstar",
        "env_name": "visual_toolbox_v2",
        "reward_model": {"style": "model", "ground_truth": "The ball is red."},
        "extra_info": {"index": "8", "question": "Which colour is the ball?"},
    }
    return {
        "messages": messages,
        "images": ["iVBORw0KGgo="] * (1 + crops) if crops else [{"bytes": b"png", "path": None}],
        "request_id": answer,
        "finish_reason": "stop",
        "rollout_infos": {"deepeyes": record.model_dump(mode="json")} if with_record else {},
        **columns,
        **extra,
    }


def by_ms_swift(samples: list[Row], *functions: Any) -> torch.Tensor:
    return rewards_by_ms_swift(samples, functions or [cls(args=None) for cls in CLASSES])


@pytest.mark.parametrize("with_record", [True, False])
@pytest.mark.parametrize("mode", ["strict", "official"])
def test_four_rewards_of_a_batch_cost_one_verdict_per_sample(
    judge_server: JudgeServer, monkeypatch: pytest.MonkeyPatch, mode: str, with_record: bool
) -> None:
    monkeypatch.setenv("DEEPEYES_SCORING", mode)
    process.reset()
    samples = [
        sample("crimson", with_record=with_record),
        sample("scarlet", crops=2, with_record=with_record),
    ]
    values = by_ms_swift(samples)
    assert values.tolist() == [
        pytest.approx([0.8, 1.0, 0.0, 0.0]),
        pytest.approx([2.0, 1.0, 0.0, 1.0]),
    ]
    assert len(judge_server.prompts) == 2
    assert ["crimson" in prompt for prompt in judge_server.prompts].count(True) == 1


def test_the_same_question_of_two_samples_is_two_verdicts_in_official_mode(
    judge_server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPEYES_SCORING", "official")
    process.reset()
    by_ms_swift([sample("crimson"), sample("crimson")])
    assert len(judge_server.prompts) == 2


def test_batches_one_after_another_each_in_its_own_event_loop(judge_server: JudgeServer) -> None:
    functions = [cls(args=None) for cls in CLASSES]
    for answers in (["crimson"], ["scarlet", "ruby"], []):
        values = by_ms_swift([sample(answer) for answer in answers], *functions)
        assert values[:, 1].tolist() == [1.0] * len(answers)
    assert len(judge_server.prompts) == 3


def test_the_same_lists_twice_are_scored_anew() -> None:
    """Lists may be reused and changed between calls: what was, must not be remembered."""
    texts, columns = ["<answer>red</answer>"], {"data_source": ["vstar"], "solution": ["red"]}
    reward = DeepEyesReward()
    assert asyncio.run(reward(texts, **columns)) == [0.8]
    texts[0] = "<answer>blue</answer>"
    assert asyncio.run(reward(texts, **columns)) == [0.0]

    async def in_one_loop() -> list[float | None]:
        values = await reward(texts, **columns)
        texts[0] = "<answer>red</answer>"
        return values + await reward(texts, **columns)

    assert asyncio.run(in_one_loop()) == [0.0, 0.8]


def test_different_batches_at_once_do_not_mix() -> None:
    async def both() -> list[list[float | None]]:
        columns = {"data_source": ["vstar"], "solution": ["red"]}
        texts = ["<answer>red</answer>"]
        return await asyncio.gather(
            DeepEyesReward()(texts, **columns),
            DeepEyesReward()(texts, **columns | {"solution": ["blue"]}),
            DeepEyesReward()(["<answer>blue</answer>"], **columns),
            DeepEyesReward()([]),
        )

    assert asyncio.run(both()) == [[0.8], [0.0], [0.0], []]


def test_sharing_scores_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks while the scoring runs gets the very same scores."""

    async def both() -> tuple[object, object]:
        texts, columns = ["<answer>red</answer>"], {"data_source": ["vstar"], "solution": ["red"]}
        # ms-swift passes the same lists in a fresh dict to every function.
        return await asyncio.gather(
            score_columns(texts, dict(columns)), score_columns(texts, dict(columns))
        )

    first, second = asyncio.run(both())
    assert first is second


def test_a_caller_that_is_cancelled_does_not_take_the_others_with_it() -> None:
    async def one_gives_up() -> list[float | None]:
        texts, columns = ["<answer>red</answer>"], {"data_source": ["vstar"], "solution": ["red"]}
        gone = asyncio.create_task(DeepEyesFormat()(texts, **columns))
        stays = asyncio.create_task(DeepEyesReward()(texts, **columns))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(one_gives_up()) == [0.8]


class SilentJudge:
    """A judge that cannot read any answer, and one that is away."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def verdicts(self, questions: list[JudgeQuestion]) -> list[Verdict]:
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        return [Verdict(outcome=Outcome.UNREADABLE, decided_by=Decider.SERVER) for _ in questions]


def test_a_silent_judge_gives_no_accuracy_and_no_reward() -> None:
    process.judge = SilentJudge()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = by_ms_swift([sample("crimson", crops=1)])[0]
    assert values[[0, 2, 3]].tolist() == [0.0, 0.0, 0.0]
    assert values[1].isnan()


@pytest.mark.filterwarnings("error")
def test_a_judge_that_is_away_stops_the_run(caplog: pytest.LogCaptureFixture) -> None:
    process.judge = SilentJudge(JudgeError("judge is away"))
    with pytest.raises(JudgeError, match="judge is away"):
        by_ms_swift([sample("crimson")])
    assert "never retrieved" not in caplog.text


def test_the_judge_is_made_at_the_first_question_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(state, "make_judge", lambda chosen: made.append(chosen) or SilentJudge())
    functions = [cls(args=None) for cls in CLASSES]
    by_ms_swift([sample("crimson", reward_model=None)], *functions)
    assert made == []
    for _ in range(2):
        by_ms_swift([sample("crimson")], *functions)
    assert made == [process.settings]


@pytest.mark.parametrize("cls", CLASSES)
def test_a_wrong_setting_stops_at_start(cls: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_SCORING", "lenient")
    process.reset()
    with pytest.raises(SettingsError, match="DEEPEYES_SCORING='lenient'"):
        cls(args=None)


def test_a_row_without_a_reference_warns_and_the_batch_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    values = by_ms_swift([sample("red", reward_model=None), sample("The ball is red.")])
    assert values[0][[0, 2, 3]].tolist() == [0.0, 0.0, 0.0] and values[0][1].isnan()
    assert values[1].tolist() == pytest.approx([0.8, 1.0, 0.0, 0.0])
    (warning,) = [text for text in caplog.messages if "could not be scored" in text]
    assert "1 of 2 rows" in warning and "vstar/8" in warning


def test_an_unknown_source_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    columns = {"data_source": ["mine"] * 2, "solution": ["red"] * 2}
    for _ in range(2):
        asyncio.run(DeepEyesReward()(["<answer>red</answer>"] * 2, **columns))
    (warning,) = [message for message in caplog.messages if "data_source" in message]
    assert "'mine'" in warning and "visual rules" in warning


def test_math_rows_in_the_same_batch() -> None:
    math = {
        "messages": [
            USER,
            {"role": "assistant", "content": r"<think>2/4</think> \boxed{\frac{1}{2}}"},
        ],
        "images": [{"bytes": b"png", "path": None}],
        "data_source": "thinklite_eureka",
        "env_name": None,
        "reward_model": json.dumps({"ground_truth": "0.5"}),
        "extra_info": json.dumps({"index": 4, "question": "What is 2/4?"}),
    }
    values = by_ms_swift([math, sample("The ball is red.", crops=1)])
    assert values.tolist() == [
        pytest.approx([1.2, 1.0, 0.0, 0.0]),
        pytest.approx([2.0, 1.0, 0.0, 1.0]),
    ]


def test_nothing_that_ms_swift_shares_is_changed() -> None:
    samples = [sample("red", crops=1), sample("red", with_record=False)]
    before = repr(samples)
    by_ms_swift(samples)
    assert repr(samples) == before


def test_the_examples_in_the_docstrings() -> None:
    module: ModuleType = rewards
    result = doctest.testmod(module)
    assert (result.failed, result.attempted > 10) == (0, True)

"""What the trainer learns at its start: whether the judge is there, whether pixels are alike."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from swift_deepeyes.judge import JudgeError
from swift_deepeyes.ms_swift.checks.pixels import (
    VIEWS_KEY,
    PixelLimitsError,
    remember_views,
    view_sizes,
)
from swift_deepeyes.ms_swift.checks.run import UnknownNameError, check_run
from swift_deepeyes.ms_swift.compat import HAS_NEW_NAMES, call_before_loading
from swift_deepeyes.ms_swift.register import register_all
from swift_deepeyes.ms_swift.rewards import DeepEyesAccuracy, DeepEyesReward, meet_judge_of

RUN = SimpleNamespace(multi_turn_scheduler="deepeyes_scheduler", vllm_mode="colocate")
NOBODY = "http://127.0.0.1:9/v1"


def test_rewards_of_a_run_meet_the_judge_once(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"object": "list", "data": [{"id": "judge", "object": "model"}]}
    httpserver.expect_request("/v1/models").respond_with_json(models)
    monkeypatch.setenv("DEEPEYES_JUDGE_BASE_URL", httpserver.url_for("/v1"))
    for reward in (DeepEyesReward, DeepEyesAccuracy):
        reward(args=RUN)
    assert [request.path for request, _ in httpserver.log] == ["/v1/models"]


@pytest.mark.parametrize("mode", ["colocate", "server"])
def test_a_judge_that_nobody_started_ends_the_run_in_seconds(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE_BASE_URL", NOBODY)
    monkeypatch.setenv("DEEPEYES_JUDGE_START_WAIT", "0.2")
    started = time.monotonic()
    with pytest.raises(JudgeError, match="DEEPEYES_JUDGE_START_WAIT"):
        DeepEyesReward(args=SimpleNamespace(multi_turn_scheduler=None, vllm_mode=mode))
    assert time.monotonic() - started < 3.0


@pytest.mark.parametrize(("judge", "args"), [("openai", None), ("rule", RUN)])
def test_nobody_is_met_by_hand_or_with_rules(
    judge: str, args: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", judge)
    monkeypatch.setenv("DEEPEYES_JUDGE_BASE_URL", NOBODY)
    started = time.monotonic()
    DeepEyesReward(args=args)
    assert time.monotonic() - started < 0.2


@pytest.mark.skipif(not HAS_NEW_NAMES, reason="the class has another place")
def test_swift_rlhf_meets_the_judge_before_it_loads_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from swift.pipelines.train.rlhf import SwiftRLHF

    loaded: list[object] = []
    monkeypatch.setattr(SwiftRLHF, "_prepare_model_tokenizer", loaded.append)
    monkeypatch.setenv("DEEPEYES_JUDGE_BASE_URL", NOBODY)
    monkeypatch.setenv("DEEPEYES_JUDGE_START_WAIT", "0.2")
    for _ in range(2):  # a plugin file may be loaded twice
        call_before_loading(meet_judge_of)
    of_others = SimpleNamespace(args=SimpleNamespace(reward_funcs=["format"]))
    SwiftRLHF._prepare_model_tokenizer(of_others)
    assert loaded == [of_others]
    with pytest.raises(JudgeError, match="DEEPEYES_JUDGE_START_WAIT"):
        args = SimpleNamespace(reward_funcs=["format", "deepeyes_reward"])
        SwiftRLHF._prepare_model_tokenizer(SimpleNamespace(args=args))
    assert loaded == [of_others]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"multi_turn_scheduler": "deepeyes_schedular"}, "did you mean deepeyes_scheduler?"),
        ({"reward_funcs": ["deepeyes_acuracy"]}, "did you mean deepeyes_accuracy?"),
        ({"reward_funcs": ["xyz"]}, "ours: deepeyes_accuracy, deepeyes_format"),
    ],
)
def test_a_name_that_nobody_registered_is_told_before_the_model_is_loaded(
    given: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    register_all()
    with pytest.raises(UnknownNameError, match="no such name is registered") as caught:
        check_run(SimpleNamespace(**given))
    assert said in str(caught.value)
    check_run(SimpleNamespace(multi_turn_scheduler=None, reward_funcs=["deepeyes_reward"]))


def template(max_pixels: int | None) -> Any:
    """What the check reads of ms-swift's template of Qwen2.5-VL."""
    return SimpleNamespace(version="v2_5", max_pixels=max_pixels)


def batch(views: object) -> list[float | None]:
    columns: dict[str, Any] = {"data_source": ["vstar"], "solution": ["red"]}
    columns["rollout_infos"] = [{VIEWS_KEY: views}]
    return asyncio.run(DeepEyesReward()(["<answer>red</answer>"], **columns))


def test_other_pixels_on_the_rollout_server_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    remember_views(SimpleNamespace(template=template(602_112)))
    with pytest.raises(PixelLimitsError, match="MAX_PIXELS") as caught:
        batch(view_sizes(template(None)))
    assert "3840x2160 is 3836x2156 on the rollout server and 1036x588" in str(caught.value)


@pytest.mark.parametrize("views", [None, [], view_sizes(template(602_112))])
def test_the_same_pixels_or_none_known_are_fine(
    views: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    remember_views(SimpleNamespace(template=template(602_112)))
    assert batch(views) == [0.8]
    remember_views(SimpleNamespace())
    assert batch(view_sizes(template(None))) == [0.8]

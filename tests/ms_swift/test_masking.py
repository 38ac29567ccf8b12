"""Over-turn masking: who is marked as truncated, in every driver, and what stays as it was."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from swift.infer_engine.protocol import RolloutInferRequest, RolloutOutput

from swift_deepeyes.demo.families import family_template
from swift_deepeyes.ms_swift.checks.masking import MaskingError, check_marks
from swift_deepeyes.ms_swift.checks.run import check_run
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.rewards import DeepEyesReward
from tests.ms_swift.drivers import run_colocate, run_server
from tests.ms_swift.test_drivers import CALL, by_run, by_run_batch, request

ZOOM = CALL % "[0, 0, 140, 112]"
REASONS = ["answered", "no_action", "max_turns", "image_limit"]


@pytest.fixture(scope="module")
def template() -> Any:
    return family_template("qwen2_5_vl")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DEEPEYES_MAX_IMAGES", "4")  # the prompt's, and three crops
    yield
    process.reset()


def ask(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DEEPEYES_MASK_OVER_TURN", value)
    process.reset()


def policy(request: RolloutInferRequest) -> str:
    """Question 0 is answered, 1 is not, 2 asks for refused crops for ever, 3 for good ones."""
    return {
        "0": "<answer>red</answer>",
        "1": "I cannot say.",
        "2": CALL % "[5, 5, 6, 6]",
        "3": ZOOM,
    }[request.messages[0]["content"][-2]]


@pytest.mark.parametrize("driver", [run_server, run_colocate, by_run, by_run_batch])
def test_what_ran_out_is_marked_in_every_driver(
    driver: Any, template: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for value in ("true", "false"):
        ask(monkeypatch, value)
        outputs, _ = driver(policy, template, [request(number) for number in range(4)])
        found[value] = outputs
        assert [o.rollout_infos["deepeyes"]["stop_reason"] for o in outputs] == REASONS
    marked = [is_truncated(output) for output in found["true"]]
    assert marked == [False, False, True, True]
    assert not any(map(is_truncated, found["false"]))
    for one, other in zip(found["true"], found["false"], strict=True):  # nothing else changes
        assert one.rollout_infos["deepeyes"] == other.rollout_infos["deepeyes"]
        assert one.response_token_ids == other.response_token_ids
        assert one.response_loss_mask == other.response_loss_mask


def is_truncated(output: RolloutOutput) -> bool:
    """As ms-swift's own sample reads it, where this version has one."""
    data = pytest.importorskip("swift.rl_core.data")
    sample = data.GRPOSample(messages=[])
    sample.apply_rollout_output(rollout_output=output)
    return bool(sample.is_truncated)


def score(is_truncated: bool, args: Any = None) -> list[float | None]:
    record = {"turns": [{"text": ZOOM}], "source_images": 1, "stop_reason": "max_turns"}
    columns = {"data_source": ["vstar"], "solution": ["red"], "is_truncated": [is_truncated]}
    columns["rollout_infos"] = [{"deepeyes": record}]
    return asyncio.run(DeepEyesReward(args)([ZOOM], **columns))


def test_the_reward_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    ask(monkeypatch, "false")
    assert score(False) == score(True) == [-0.2]


def test_a_rollout_server_with_another_setting_stops_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    args = SimpleNamespace(multi_turn_scheduler=None, vllm_mode="server", reward_funcs=[])
    for ours in (True, False):
        ask(monkeypatch, str(ours).lower())
        assert score(ours, args) == [-0.2]
        said = f"is {str(ours).lower()} in this trainer and {str(not ours).lower()} on the rollout"
        with pytest.raises(MaskingError, match=said):
            score(not ours, args)


@pytest.mark.parametrize("infos", [None, [], {"deepeyes": None}, {"deepeyes": {"stop_reason": []}}])
def test_rows_of_others_are_left_alone(infos: Any) -> None:
    check_marks([{"rollout_infos": infos, "is_truncated": True}])


def test_a_mark_that_nothing_reads_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    ask(monkeypatch, "true")
    args = SimpleNamespace(multi_turn_scheduler=None, reward_funcs=[], overlong_filter=False)
    with pytest.raises(MaskingError, match="--overlong_filter true"):
        check_run(args)
    args.overlong_filter = True
    check_run(args)
    ask(monkeypatch, "false")
    args.overlong_filter = False
    check_run(args)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, None),
        ({"top_p": 0.9, "top_k": -1}, "--top_p 0.9"),
        ({"top_k": 20, "repetition_penalty": 1.05}, "--top_k 20 --repetition_penalty 1.05"),
        ({"top_p": 0.9, "rollout_importance_sampling_mode": None}, None),
    ],
)
def test_a_correction_that_sampling_makes_wrong_is_told(
    given: dict[str, Any], said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    sampling = {"top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
    run = {"rollout_importance_sampling_mode": "token_truncate", "reward_funcs": []}
    check_run(SimpleNamespace(multi_turn_scheduler=None, **(run | sampling | given)))
    told = [record.getMessage() for record in caplog.records]
    assert (len(told) == 1 and f"wrong with {said}:" in told[0]) if said else not told

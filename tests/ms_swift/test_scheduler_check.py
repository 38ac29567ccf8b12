"""A forgotten scheduler stops a run at its first batch; other ways to have none do not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from swift_deepeyes.episode.trajectory import Trajectory, TurnRecord
from swift_deepeyes.ms_swift.checks.scheduler import MissingSchedulerError
from swift_deepeyes.ms_swift.rewards import DeepEyesAccuracy, DeepEyesReward
from tests.ms_swift.reward_batch import rewards_by_ms_swift

TOOL_PROMPT = {"role": "system", "content": "You may call image_zoom_in_tool."}
USER = {"role": "user", "content": "<image>\nWhich colour?"}
CALL = '<think>Look.</think><tool_call>{"name": "image_zoom_in_tool"}</tool_call>'
COLOCATE = {
    "vllm_mode": "colocate",
    "multi_turn_scheduler": None,
    "vllm_server_pass_dataset": False,
}
SERVER = {**COLOCATE, "vllm_mode": "server"}
RECORD = Trajectory(turns=(TurnRecord(text=CALL),), source_images=1, toolbox="visual_toolbox_v2")
RAN = {"deepeyes": RECORD.model_dump(mode="json"), "num_turns": 1}


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")


def sample(infos: dict[str, Any] | None = None, **columns: Any) -> dict[str, Any]:
    return {
        "messages": [USER, {"role": "assistant", "content": CALL}],
        "data_source": "vstar",
        "env_name": "visual_toolbox_v2",
        "solution": "red",
        "rollout_infos": infos or {},
        **columns,
    }


def run(arguments: dict[str, Any] | None, *samples: dict[str, Any]) -> Any:
    """Two rewards of ours, as ms-swift makes and calls them."""
    args = None if arguments is None else SimpleNamespace(**arguments)
    functions = [DeepEyesReward(args=args), DeepEyesAccuracy(args=args)]
    return rewards_by_ms_swift(list(samples), functions)


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"env_name": None, "messages": [TOOL_PROMPT, USER, {"role": "assistant", "content": CALL}]},
        {"env_name": None, "tools": [{"function": {"name": "image_zoom_in_tool"}}]},
    ],
    ids=["env_name", "prompt", "tools"],
)
def test_a_forgotten_scheduler_stops_at_the_first_batch(columns: dict[str, Any]) -> None:
    with pytest.raises(MissingSchedulerError) as caught:
        run(COLOCATE, sample(**columns))
    assert "--multi_turn_scheduler deepeyes_scheduler" in str(caught.value)
    assert "swift rollout" not in str(caught.value) and "empty env_name" in str(caught.value)


def test_in_server_mode_the_flag_is_the_servers() -> None:
    with pytest.raises(MissingSchedulerError, match="swift rollout --multi_turn_scheduler"):
        run(SERVER, sample())


def test_without_vllm_there_is_no_scheduler_at_all() -> None:
    with pytest.raises(MissingSchedulerError, match="--use_vllm true"):
        run({**COLOCATE, "vllm_mode": None}, sample())


def test_a_batch_of_several_sources_stops_too_and_one_without_tools_does_not() -> None:
    plain = sample(env_name="")
    assert len(run(COLOCATE, plain, plain)) == 2
    with pytest.raises(MissingSchedulerError):
        run(COLOCATE, plain, sample())


@pytest.mark.parametrize("arguments", [None, {}, {"vllm_max_model_len": 4096}])
def test_rewards_called_by_hand_are_left_alone(arguments: dict[str, Any] | None) -> None:
    assert len(run(arguments, sample())) == 1
    assert asyncio.run(DeepEyesReward()([CALL], env_name=["visual_toolbox_v2"], solution=["red"]))


def test_with_our_record_all_is_well(caplog: pytest.LogCaptureFixture) -> None:
    run({**COLOCATE, "multi_turn_scheduler": "deepeyes_scheduler"}, sample(RAN))
    run({**SERVER, "vllm_server_pass_dataset": True}, sample(RAN), sample(RAN))
    assert "multi_turn_scheduler" not in caplog.text and "pass_dataset" not in caplog.text


def test_one_good_batch_settles_it() -> None:
    function = DeepEyesReward(args=SimpleNamespace(**SERVER))
    for infos in (RAN, {}):
        assert len(rewards_by_ms_swift([sample(infos)], [function])) == 1


@pytest.mark.parametrize(
    ("arguments", "infos", "named"),
    [
        ({**COLOCATE, "multi_turn_scheduler": "my_own"}, {"num_turns": 2}, "my_own"),
        ({**COLOCATE, "multi_turn_scheduler": "my_own"}, {}, "my_own"),
        (SERVER, {"num_turns": 2}, "rollout server"),
    ],
)
def test_another_scheduler_is_the_users_choice_and_told_once(
    arguments: dict[str, Any], infos: dict[str, Any], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        run(arguments, sample(infos), sample(infos))
    (warning,) = [text for text in caplog.messages if "--multi_turn_scheduler" in text]
    assert named in warning


def test_columns_that_the_server_does_not_get_are_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(2):
        run(SERVER, sample(RAN), sample(RAN))
    (warning,) = [text for text in caplog.messages if "--vllm_server_pass_dataset true" in text]
    assert "env_name" in warning


def test_where_there_is_no_such_column_nothing_is_missed(caplog: pytest.LogCaptureFixture) -> None:
    prompt = [TOOL_PROMPT, USER, {"role": "assistant", "content": CALL}]
    run(SERVER, sample(RAN, env_name=None, messages=prompt))
    assert "pass_dataset" not in caplog.text


def test_an_unknown_toolbox_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        run(COLOCATE, *[sample(env_name="no_box_of_mine")] * 3)
    assert len([text for text in caplog.messages if "no_box_of_mine" in text]) == 1

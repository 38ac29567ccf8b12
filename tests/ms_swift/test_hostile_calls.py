"""Calls and texts that no record could carry, under both of ms-swift's own drivers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image
from swift.infer_engine.protocol import RolloutInferRequest

from swift_deepeyes.demo.families import family_template
from swift_deepeyes.episode.trajectory import CallStatus, Trajectory
from swift_deepeyes.episode.view import to_png
from swift_deepeyes.record.record import LoggedTrajectory
from tests.ms_swift.drivers import run_colocate, run_server

BODY = '{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [28, 28, 140, 112], "label": %s}}'
LABELS = {
    "deep_list": "[" * 300 + "]" * 300,
    "deep_object": '{"a":' * 300 + "1" + "}" * 300,
    "surrogate": '"\\ud83d"',
    "surrogate_key": '{"\\udc00": 1}',
    "huge": json.dumps("red " * 2_100),
    "huge_number": "9" * 400,
}


def request() -> RolloutInferRequest:
    return RolloutInferRequest(
        messages=[{"role": "user", "content": "<image>\nWhat color?"}],
        images=[to_png(Image.new("RGB", (280, 196), "white"))],
        data_dict={"env_name": "visual_toolbox_v2"},
        uuid="1",
    )


@pytest.mark.parametrize("drive", [run_server, run_colocate])
@pytest.mark.parametrize("label", LABELS)
def test_a_call_that_no_record_could_carry_is_malformed(drive: Any, label: str) -> None:
    def policy(request: Any) -> str:
        body = BODY % LABELS[label]
        return "<answer>red</answer>" if len(request.messages) > 2 else _call(body)

    (output,), _ = drive(policy, family_template("qwen2_5_vl"), [request()])
    record = Trajectory.model_validate(output.rollout_infos["deepeyes"])
    assert [call.status for call in record.calls] == [CallStatus.MALFORMED_CALL]
    check_writable(output, record)


@pytest.mark.parametrize("drive", [run_server, run_colocate])
@pytest.mark.parametrize(
    "text", ["\ud83d", "<answer>\udc00</answer>", "<think>\ud83d</think>%s", "%s\udfff"]
)
def test_half_a_character_in_a_turn_breaks_no_record(drive: Any, text: str) -> None:
    turn = text.replace("%s", _call(BODY % '"ball"'))

    def policy(request: Any) -> str:
        return "<answer>red</answer>" if len(request.messages) > 2 else turn

    template = family_template("qwen2_5_vl")
    tokenizer = template.tokenizer
    template.tokenizer.encode = lambda given, **kwargs: type(tokenizer).encode(
        tokenizer, given.encode("utf-8", "replace").decode(), **kwargs
    )  # vLLM hands over ids; the stub engine encodes the text
    (output,), _ = drive(policy, template, [request()])
    del template.tokenizer.encode
    record = Trajectory.model_validate(output.rollout_infos["deepeyes"])
    assert record.turns[0].text == turn.encode("utf-8", "replace").decode()
    check_writable(output, record)


def test_a_server_that_gets_no_columns_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    given, missing, placeholder = request(), [request(), request()], request()
    for one in missing:
        one.data_dict = {}
    placeholder.images, placeholder.data_dict = [], {}
    policy = lambda request: "<answer>red</answer>"  # noqa: E731
    run_server(policy, family_template("qwen2_5_vl"), [given, placeholder])
    assert "pass_dataset" not in caplog.text
    run_server(policy, family_template("qwen2_5_vl"), missing)
    assert caplog.text.count("--vllm_server_pass_dataset true") == 1


def check_writable(output: Any, record: Trajectory) -> None:
    """As HTTP and the logs write it: UTF-8, strict JSON, and pydantic's own."""
    json.dumps(output.rollout_infos, ensure_ascii=False, allow_nan=False).encode()
    line = LoggedTrajectory(id="1", group="g", step=1, trajectory=record).model_dump_json()
    assert LoggedTrajectory.model_validate_json(line).trajectory == record


def _call(body: str) -> str:
    return f"<tool_call>{body}</tool_call>"

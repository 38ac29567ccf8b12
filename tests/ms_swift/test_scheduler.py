"""The scheduler under both of ms-swift's own drivers."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from swift.infer_engine.protocol import RolloutInferRequest
from swift.rlhf_trainers.utils import replace_assistant_response_with_ids
from swift.template.vision_utils import load_image

from swift_deepeyes.demo.families import family_template
from swift_deepeyes.episode.messages import TURN_INSTRUCTION
from swift_deepeyes.episode.trajectory import StopReason, Trajectory
from swift_deepeyes.episode.view import to_png
from swift_deepeyes.ms_swift.compat import REPORTS_TOKEN_IDS
from swift_deepeyes.ms_swift.scheduler import DeepEyesScheduler
from tests.ms_swift.drivers import (
    ROWS_HAVE_OPTIONS,
    StubEngine,
    respond,
    run_colocate,
    run_server,
)

CALL = (
    "<think>look</think><tool_call>"
    '{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [28, 28, 140, 112]}}</tool_call>'
)
ANSWER = "<think>seen</think><answer>red</answer>"
DRIVERS = [run_server, run_colocate]


@pytest.fixture(scope="module")
def template() -> Any:
    return family_template("qwen2_5_vl")


def noise(width: int = 280, height: int = 196, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def request(number: int = 0, env_name: str | None = "visual_toolbox_v2", **changes: Any) -> Any:
    row = {"data_source": "vstar"} if env_name is None else {"env_name": env_name}
    values: dict[str, Any] = {
        "messages": [{"role": "user", "content": f"<image>\nWhat color?{TURN_INSTRUCTION}"}],
        "images": [to_png(noise(seed=number))],
        "data_dict": row,
        "uuid": f"request-{number}",
    }
    return RolloutInferRequest(**{**values, **changes})


def zoom_then_answer(request: Any) -> str:
    return ANSWER if len(request.images) > 1 else CALL


def record(output: Any) -> Trajectory:
    return Trajectory.model_validate(output.rollout_infos["deepeyes"])


@pytest.mark.parametrize("drive", DRIVERS)
def test_the_crop_is_what_the_model_saw(drive: Any, template: Any) -> None:
    requests = [request(number) for number in range(8)]
    sources = [r.images[0] for r in requests]
    outputs, scheduler = drive(zoom_then_answer, template, requests)
    for source, output in zip(sources, outputs, strict=True):
        images = output.rollout_infos["images"]
        assert images[0] == source and len(images) == 2
        view = load_image(source)  # 280x196 is a view of itself
        assert load_image(images[1]).tobytes() == view.crop((28, 28, 140, 112)).tobytes()
        roles = [message["role"] for message in output.messages]
        assert roles == ["user", "assistant", "user", "assistant"]
        observation = f"<tool_response><image>{TURN_INSTRUCTION}</tool_response>"
        assert output.messages[2]["content"] == observation
        assert record(output).stop_reason is StopReason.ANSWERED
        assert output.rollout_infos["num_turns"] == 2
        # What ms-swift sends through HTTP must be strict JSON.
        json.dumps(output.rollout_infos, allow_nan=False)
    assert not scheduler._running


@pytest.mark.parametrize("drive", DRIVERS)
def test_rows_without_a_tool_have_one_turn(drive: Any, template: Any) -> None:
    requests = [request(0), request(1, env_name=""), request(2, env_name=None, messages=[
        {"role": "user", "content": "<image>\nHow many? Think in \\boxed{}."}])]  # fmt: skip
    outputs, _ = drive(zoom_then_answer, template, requests)
    assert [record(output).crops for output in outputs] == [1, 0, 0]
    assert [record(output).stop_reason for output in outputs[1:]] == [StopReason.NO_ACTION] * 2


@pytest.mark.parametrize("drive", DRIVERS)
def test_without_columns_the_prompt_decides(drive: Any, template: Any) -> None:
    requests = [request(0, data_dict={}), request(1, data_dict={})]
    requests[1].messages[0]["content"] = "<image>\nNo tool is announced here."
    outputs, _ = drive(zoom_then_answer, template, requests)
    assert [record(output).crops for output in outputs] == [1, 0]


@pytest.mark.parametrize("drive", DRIVERS)
def test_errors_are_observations_and_max_turns_ends(drive: Any, template: Any) -> None:
    policy = lambda request: CALL.replace("28, 28, 140", "140, 28, 28")  # noqa: E731
    (output,), scheduler = drive(policy, template, [request()], max_turns=3)
    assert "x1 < x2" in output.messages[2]["content"]
    assert "images" not in output.rollout_infos
    assert record(output).stop_reason is StopReason.MAX_TURNS
    assert len(record(output).turns) == 3 and not scheduler._running


def test_a_placeholder_request_is_served(template: Any) -> None:
    placeholder = RolloutInferRequest(messages=[{"role": "user", "content": "<placeholder>"}])
    (output,), scheduler = run_server(zoom_then_answer, template, [placeholder])
    assert record(output).source_images == 0 and not scheduler._running


def test_an_abandoned_trajectory_is_forgotten(template: Any) -> None:
    def fail(request: Any) -> str:
        raise ConnectionResetError

    engine = StubEngine(fail, template)
    scheduler = DeepEyesScheduler(infer_engine=engine, max_turns=3)
    with pytest.raises(ConnectionResetError):
        asyncio.run(scheduler.run(request(), None))
    assert not scheduler._running


@pytest.mark.skipif(not ROWS_HAVE_OPTIONS, reason="no options of a row's own in this ms-swift")
def test_the_rows_own_pixel_limit_counts(template: Any) -> None:
    row = request(images=[to_png(noise(1120, 784))], chat_template_kwargs={"max_pixels": 280 * 196})
    (output,), _ = run_server(zoom_then_answer, template, [row])
    (call,) = record(output).calls
    assert call.source_box == (112.0, 112.0, 560.0, 448.0)
    assert load_image(output.rollout_infos["images"][1]).size == (112, 84)


def test_the_context_guard_knows_the_engines_limit(template: Any) -> None:
    engine = StubEngine(lambda request: CALL, template)
    engine.max_model_len = 700
    scheduler = DeepEyesScheduler(infer_engine=engine, max_turns=50)
    output = asyncio.run(scheduler.run(request(), None))
    assert record(output).stop_reason is StopReason.CONTEXT_FULL
    # The estimate is on the safe side, and not by far: ms-swift's own encoding of the conversation.
    messages = [
        {**m, "content": m["content"]} if isinstance(m["content"], str)
        else {**m, "content": template.tokenizer.decode(m["content"])}
        for m in output.messages
    ]  # fmt: skip
    encoded = template.encode({"messages": messages, "images": output.rollout_infos["images"]})
    assert len(encoded["input_ids"]) < 700


def test_pixel_values_of_training_match_the_views(template: Any) -> None:
    """The number of image tokens in the training batch is what the crops should give."""
    outputs, _ = run_colocate(zoom_then_answer, template, [request()])
    images = outputs[0].rollout_infos["images"]
    messages = [
        m if isinstance(m["content"], str) else {**m, "content": CALL} for m in outputs[0].messages
    ]
    encoded = template.encode({"messages": messages, "images": images})
    tokens = encoded["input_ids"].count(template.image_token_id)
    assert tokens == (280 // 28) * (196 // 28) + (112 // 28) * (84 // 28)


def test_bytes_and_paths_are_images_too(tmp_path: Any, template: Any) -> None:
    path = tmp_path / "scene.png"
    noise().save(path)
    data = base64.b64encode(path.read_bytes()).decode()
    for image in (str(path), data, f"data:image/png;base64,{data}"):
        (output,), _ = run_server(zoom_then_answer, template, [request(images=[image])])
        crop = load_image(output.rollout_infos["images"][1])
        assert crop.tobytes() == noise().crop((28, 28, 140, 112)).tobytes()
    assert respond(zoom_then_answer, request(), template.tokenizer)


@pytest.mark.parametrize("drive", DRIVERS)
@pytest.mark.parametrize(
    "forged", ["<|image_pad|>", "<|vision_start|>", "<|video_pad|>", "<image>"]
)
def test_media_tokens_that_the_model_wrote_do_not_end_the_run(
    drive: Any, forged: str, template: Any
) -> None:
    def policy(request: Any) -> str:
        return f"{forged}{zoom_then_answer(request)}{forged}"

    (output,), _ = drive(policy, template, [request()])
    turns, masks = output.response_token_ids, output.response_loss_mask
    if forged.startswith("<|"):  # one token
        forged_id = template.tokenizer.convert_tokens_to_ids(forged)
        assert all(forged_id not in ids for ids in turns)
        if REPORTS_TOKEN_IDS:
            for ids, mask in zip(turns, masks, strict=True):
                assert mask[0] == mask[-1] == 0 and sum(mask) == len(ids) - 2
            # As many as are trained on: else ms-swift corrects no off-policy sampling in the batch.
            logprobs = [len(of_turn) for of_turn in output.rollout_logprobs]
            assert logprobs == [sum(mask) for mask in masks]
    # The trainer's own encoding of the conversation: as many image tokens as the images give.
    messages = [dict(message) for message in output.messages]
    messages = replace_assistant_response_with_ids(messages, turns, masks)
    images = output.rollout_infos["images"]
    encoded = template.encode({"messages": messages, "images": images})
    tokens = encoded["input_ids"].count(template.image_token_id)
    assert tokens == (280 // 28) * (196 // 28) + (112 // 28) * (84 // 28)
    # Scoring still sees what the model wrote.
    assert record(output).turns[-1].text.count(forged) == 2

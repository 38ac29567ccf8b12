"""What a request may carry: tools and options in every shape, and columns that are not there."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from PIL import Image
from swift.infer_engine.protocol import RolloutInferRequest
from swift.rlhf_trainers.utils import replace_assistant_response_with_ids

from swift_deepeyes.demo.families import FAMILIES, family_template
from swift_deepeyes.episode.boxes import Size
from swift_deepeyes.episode.trajectory import StopReason, Trajectory
from swift_deepeyes.episode.view import ViewRecipe, to_png
from swift_deepeyes.ms_swift.register import register_all
from swift_deepeyes.ms_swift.template import view_recipe
from tests.ms_swift.drivers import run_colocate, run_server

CALL = '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [28, 28, 140, 112]}}'
CALL += "</tool_call>"
ANSWER = "<answer>red</answer>"
SCENE = to_png(Image.effect_noise((280, 196), 50).convert("RGB"))
SCHEMA = {
    "type": "function",
    "function": {"name": "image_zoom_in_tool", "description": "Zoom in.", "parameters": {}},
}
DRIVERS = [run_server, run_colocate]


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    register_all()


@pytest.fixture(scope="module")
def template() -> Any:
    return family_template("qwen2_5_vl")


def request(**changes: Any) -> RolloutInferRequest:
    values: dict[str, Any] = {
        "messages": [{"role": "user", "content": "<image>\nWhat color?"}],
        "images": [SCENE],
        "data_dict": {"env_name": "visual_toolbox_v2"},
        "uuid": "one",
    }
    return RolloutInferRequest(**deepcopy({**values, **changes}))  # it is appended to


def zoom_then_answer(request: Any) -> str:
    generated = [m for m in request.messages[-2:] if m["role"] == "assistant"]
    return ANSWER if generated and "tool_response" in str(request.messages[-1]) else CALL


def record(output: Any) -> Trajectory:
    return Trajectory.model_validate(output.rollout_infos["deepeyes"])


def play(drive: Any, template: Any, **changes: Any) -> Any:
    (output,), _ = drive(zoom_then_answer, template, [request(**changes)])
    return output


@pytest.mark.parametrize("drive", DRIVERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_tools_are_announced_by_the_tools_column(drive: Any, family: str) -> None:
    template = family_template(family)
    for tools, toolbox in (
        ([SCHEMA], "visual_toolbox_v2"),
        (json.dumps([SCHEMA]), "visual_toolbox_v2"),
        ('[{"name": "other"}]', None),
        (None, None),
    ):
        assert record(play(drive, template, data_dict={}, tools=tools)).toolbox == toolbox


def test_tools_are_announced_by_the_system_prompt_that_the_model_reads() -> None:
    template = family_template("qwen2_5_vl")
    meta = template.template_meta
    before = meta.default_system
    try:
        meta.default_system = "You may call image_zoom_in_tool."
        assert record(play(run_server, template, data_dict=None)).crops == 1
        system = {"role": "system", "content": "Answer."}
        messages = [system, {"role": "user", "content": "<image>\nWhat color?"}]
        assert record(play(run_server, template, data_dict={}, messages=messages)).crops == 0
    finally:
        meta.default_system = before


def test_an_example_announces_nothing_and_its_instruction_is_not_the_rows(template: Any) -> None:
    messages = [
        {"role": "user", "content": "What is it?\nThink first, call **another** if you like."},
        {"role": "assistant", "content": CALL},
        {"role": "user", "content": "<image>\nWhat color?\nThink first, call **it** now."},
    ]
    assert record(play(run_server, template, data_dict={}, messages=messages)).crops == 0
    output = play(run_server, template, messages=messages)
    observation = "<tool_response><image>\nThink first, call **it** now.</tool_response>"
    assert output.messages[4]["content"] == observation


@pytest.mark.parametrize("drive", DRIVERS)
@pytest.mark.parametrize(
    "options",
    [
        {"min_pixels": None},
        {"min_pixels": None, "max_pixels": None, "resized_height": None, "resized_width": None},
        {"resized_height": 280, "resized_width": None},
        {"enable_thinking": None},
        {"max_pixels": "many", "min_pixels": [1], "resized_height": True},
        {"max_pixels": float("nan"), "min_pixels": -5},
        '{"max_pixels": null}',
        "no JSON",
        [],
        None,
    ],
)
def test_options_that_say_nothing_are_absent(drive: Any, options: Any, template: Any) -> None:
    output = play(drive, template, chat_template_kwargs=options)
    (call,) = record(output).calls
    assert call.source_box == (28.0, 28.0, 140.0, 112.0)


def test_options_as_json_and_beside_none_count(template: Any) -> None:
    for options in ('{"max_pixels": 28224, "min_pixels": null}', {"max_pixels": 28224.0}):
        assert view_recipe(template, options).view_size(Size(1120, 784)) == (196, 140)
    recipe = ViewRecipe(14, fetch_options={"min_pixels": None, "max_pixels": 28224})
    assert recipe.min_pixels == ViewRecipe(14).min_pixels
    assert recipe.view(Image.new("RGB", (1120, 784))).size == recipe.view_size(Size(1120, 784))


def test_ms_swift_itself_takes_options_that_are_none(template: Any) -> None:
    """Arrow gives every row of a file the options of all."""
    none = dict.fromkeys(("min_pixels", "max_pixels", "resized_height", "resized_width"))
    row = {"messages": request().messages, "images": [SCENE]}
    expected = template.encode(row)["input_ids"]
    assert template.encode({**row, "chat_template_kwargs": none})["input_ids"] == expected


@pytest.mark.parametrize("drive", DRIVERS)
@pytest.mark.parametrize(
    "changes",
    [
        {"data_dict": None},
        {"data_dict": "no mapping"},
        {"data_dict": {"env_name": float("nan")}},
        {"data_dict": {"env_name": ["visual_toolbox_v2"]}},
        {"images": None, "messages": [{"role": "user", "content": "What?"}]},
        {"images": SCENE},
        {"tools": "no JSON"},
        {"tools": [None, 3]},
        {"tools": {"name": 3}},
        {"messages": [{"role": "user", "content": None}], "images": []},
        {"messages": [{"role": "user", "content": []}], "images": []},
        {"messages": [{"role": "user", "content": [None, 3.5, {"type": None}]}], "images": []},
        {"messages": [{"role": "system", "content": None},
                      {"role": "user", "content": "<image>What?"}]},
        {"messages": [{"role": "system", "content": "No question."}], "images": []},
    ],
)  # fmt: skip
def test_no_request_raises(drive: Any, changes: dict[str, Any], template: Any) -> None:
    assert record(play(drive, template, **changes)).stop_reason is not None


PARTS = {
    "image": [{"type": "image", "image": SCENE}, {"type": "text", "text": "What color?"}],
    "image_url": [
        {"type": "text", "text": "What color?", "image_url": None},
        {"type": "image_url", "text": None,
         "image_url": {"url": f"data:image/png;base64,{SCENE}"}},
    ],
}  # fmt: skip


@pytest.mark.parametrize("drive", DRIVERS)
@pytest.mark.parametrize("kind", PARTS)
def test_images_in_parts_are_images(drive: Any, kind: str, template: Any) -> None:
    output = play(drive, template, messages=[{"role": "user", "content": PARTS[kind]}], images=[])
    assert record(output).stop_reason is StopReason.ANSWERED
    assert (record(output).source_images, record(output).crops) == (1, 1)
    # What the trainer encodes afterwards: both images, each in its place.
    ids, masks = output.response_token_ids, output.response_loss_mask
    messages = replace_assistant_response_with_ids(list(map(dict, output.messages)), ids, masks)
    images = output.rollout_infos["images"]
    encoded = template.encode({"messages": messages, "images": images})
    tokens = encoded["input_ids"].count(template.image_token_id)
    assert tokens == (280 // 28) * (196 // 28) + (112 // 28) * (84 // 28)


@pytest.mark.parametrize("drive", DRIVERS)
def test_images_in_parts_are_handed_over_without_a_crop_too(drive: Any, template: Any) -> None:
    def policy(request: Any) -> str:
        return zoom_then_answer(request).replace("[28, 28, 140", "[140, 28, 28")

    messages = [{"role": "user", "content": PARTS["image"]}]
    (output,), _ = drive(policy, template, [request(messages=messages, images=[])])
    assert record(output).crops == 0 and len(record(output).turns) == 2
    assert output.rollout_infos["images"] == [SCENE]
    assert output.messages[0]["content"] == "<image>What color?"


@pytest.mark.parametrize(
    ("prefix", "opens"),
    [(None, False), ("<think>\n", True), ("<think>\n\n</think>\n\n", False)],
)
def test_the_record_says_whether_prompts_open_a_thought(prefix: Any, opens: bool) -> None:
    template = family_template("qwen2_5_vl")
    template.response_prefix = prefix
    assert record(play(run_server, template)).prompt_opens_thought is opens


@pytest.mark.parametrize("drive", DRIVERS)
def test_the_instruction_is_that_of_the_question_after_the_examples(
    drive: Any, template: Any
) -> None:
    instruction = "\nThink first, call **%s** if needed."
    messages = [
        {"role": "user", "content": "How many?" + instruction % "example"},
        {"role": "assistant", "content": "<answer>3</answer>"},
        {"role": "user", "content": "<image>\nWhat color?" + instruction % "mine"},
    ]
    turns = record(play(drive, template, messages=messages)).turns
    assert len(turns) == 2 and turns[0].observation is not None
    assert turns[0].observation.endswith(instruction % "mine" + "</tool_response>")

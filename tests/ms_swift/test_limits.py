"""Limits of the host: the smallest that is known ends an episode before ms-swift or vLLM raises."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from swift.infer_engine.protocol import RolloutInferRequest, RolloutOutput

from swift_deepeyes.demo.families import family_template
from swift_deepeyes.episode.trajectory import StopReason, Trajectory
from swift_deepeyes.episode.view import to_png
from swift_deepeyes.ms_swift.limits import PromptTooLargeError, context_limit, image_limit
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.register import register_all
from swift_deepeyes.ms_swift.scheduler import DeepEyesScheduler
from swift_deepeyes.settings import Settings
from tests.ms_swift.drivers import StubEngine, run_colocate

CALL = '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [0, 0, 500, 500]}}'
CALL += "</tool_call>"
SCENE = to_png(Image.effect_noise((280, 196), 50).convert("RGB"))


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    register_all()


@pytest.fixture
def template() -> Iterator[Any]:
    template = family_template("qwen2_5_vl")
    before = template.max_length, template.truncation_strategy, template.mode
    yield template
    template.max_length, template.truncation_strategy, template.mode = before


def request(count: int = 1, **changes: Any) -> RolloutInferRequest:
    values: dict[str, Any] = {
        "messages": [{"role": "user", "content": "<image>" * count + "\nWhat color is it?"}],
        "images": [SCENE] * count,
        "data_dict": {"env_name": "visual_toolbox_v2"},
        "uuid": "one",
    }
    return RolloutInferRequest(**deepcopy({**values, **changes}))  # it is appended to


def record(output: RolloutOutput) -> Trajectory:
    return Trajectory.model_validate(output.rollout_infos["deepeyes"])


def always_zoom(request: Any) -> str:
    return CALL


def on_server(template: Any, *requests: Any, **engine_attributes: Any) -> list[RolloutOutput]:
    engine = StubEngine(always_zoom, template)
    engine.__dict__.update(engine_attributes)
    scheduler = DeepEyesScheduler(infer_engine=engine, max_turns=50)
    return [asyncio.run(scheduler.run(one, None)) for one in requests]


@pytest.mark.parametrize(
    ("engine", "run", "prompt_limit", "chosen", "expected"),
    [
        ({"max_model_len": 700}, {}, 300, None, 700),  # --max_length bounds prompts
        ({"max_model_len": 700}, {}, None, 600, 600),
        ({"max_model_len": 700}, {}, None, 9000, 700),
        ({"max_model_len": 700, "engine": {"max_model_len": 500}}, {}, None, None, 500),
        (None, {"vllm_max_model_len": 700}, 300, None, 700),
        (None, {"vllm_max_model_len": 700}, 300, 600, 600),
        (None, {"vllm_max_model_len": "700"}, None, 9000, 700),
        (None, {"vllm_max_model_len": 700, "use_ray": True}, 300, None, 300),
        (None, {"vllm_max_model_len": 700, "use_ray": True}, 900, None, 700),
        (None, {"vllm_engine_kwargs": '{"max_model_len": 700}'}, None, None, 700),
        (None, {"vllm_engine_kwargs": {"max_model_len": 700}}, None, None, 700),
        (None, {"vllm_max_model_len": None}, None, None, 32768),  # the model's
        (None, {"vllm_max_model_len": None}, None, 40000, 32768),
        (None, None, 300, None, 300),  # nobody knows which mode it is
        (None, {"vllm_max_model_len": float("nan")}, None, None, 32768),
    ],
)
def test_the_smallest_known_context_counts(
    engine: Any, run: Any, prompt_limit: Any, chosen: Any, expected: int
) -> None:
    if engine is not None:
        engine = SimpleNamespace(
            **engine | {"engine": SimpleNamespace(model_config=SimpleNamespace(**engine["engine"]))}
            if "engine" in engine
            else engine
        )
    process.remember_arguments(None if run is None else SimpleNamespace(**run))
    info = SimpleNamespace(max_model_len=32768)
    template = SimpleNamespace(max_length=prompt_limit, model_info=info)
    limit = context_limit(Settings(max_context=chosen), engine, template)
    assert limit is not None and limit.tokens == expected


def test_nobody_may_know_a_limit() -> None:
    assert context_limit(Settings(), None, None) is None
    assert image_limit(Settings(), None) == Settings().max_images


@pytest.mark.parametrize(
    ("engine", "run", "expected"),
    [
        ({"image": 3}, {}, 3),
        ({"image": 99}, {}, 32),
        ('{"image": 3, "video": 0}', {}, 3),
        ({"image": {"count": 3, "width": 512}}, {}, 3),
        ({"image": 0}, {}, 0),
        ({"image": None}, {}, 32),
        ({"video": 0}, {}, 32),
        ("no JSON", {}, 32),
        (7, {}, 32),
        (None, {"vllm_limit_mm_per_prompt": {"image": 2}}, 2),
        (None, {"vllm_limit_mm_per_prompt": '{"image": 2}'}, 2),
        (None, {"vllm_engine_kwargs": '{"limit_mm_per_prompt": {"image": 2}}'}, 2),
        ({"image": 3}, {"vllm_limit_mm_per_prompt": {"image": 2}}, 2),
    ],
)
def test_the_smallest_known_image_limit_counts(engine: Any, run: Any, expected: int) -> None:
    process.remember_arguments(SimpleNamespace(**run))
    assert image_limit(Settings(), SimpleNamespace(limit_mm_per_prompt=engine)) == expected


@pytest.mark.parametrize(("limit", "crops"), [({"image": 1}, 0), ('{"image": 3}', 2)])
def test_vllms_image_limit_ends_the_episode(limit: Any, crops: int, template: Any) -> None:
    (output,) = on_server(template, request(), limit_mm_per_prompt=limit)
    assert record(output).stop_reason is StopReason.IMAGE_LIMIT
    assert record(output).crops == crops
    process.remember_arguments(SimpleNamespace(vllm_limit_mm_per_prompt=limit))
    (output,), _ = run_colocate(always_zoom, template, [request()], max_turns=50)
    assert record(output).stop_reason is StopReason.IMAGE_LIMIT
    assert record(output).crops == crops


def test_a_row_over_the_image_limit_is_one_error_that_names_the_fix(template: Any) -> None:
    with pytest.raises(PromptTooLargeError, match=r"2 images.*takes 1.*--vllm_limit_mm_per_prompt"):
        on_server(template, request(2), limit_mm_per_prompt={"image": 1})
    process.remember_arguments(SimpleNamespace(vllm_limit_mm_per_prompt='{"image": 1}'))
    with pytest.raises(PromptTooLargeError, match="--truncation_strategy delete"):
        run_colocate(always_zoom, template, [request(2)])


def encodes(template: Any, images: int) -> int:
    """Tokens of a prompt in the trainer's hands, as it looks for prompts to replace."""
    template.set_mode("train")
    return len(template.encode({"messages": request(images).messages, "images": [SCENE] * images})[
        "input_ids"
    ])  # fmt: skip


def test_the_trainer_replaces_prompts_that_no_engine_takes(template: Any) -> None:
    template.truncation_strategy, tokens = "raise", encodes(template, 2)  # `delete`, to a template
    process.remember_arguments(SimpleNamespace(vllm_limit_mm_per_prompt='{"image": 1}'))
    assert encodes(template, 1)
    with pytest.raises(PromptTooLargeError):
        encodes(template, 2)
    process.remember_arguments(SimpleNamespace(vllm_max_model_len=tokens + 10))
    assert encodes(template, 1)
    with pytest.raises(PromptTooLargeError, match="--vllm_max_model_len"):
        encodes(template, 2)
    template.max_length = None  # its own batches, which are conversations as long as they got
    assert encodes(template, 2) == tokens


CONVERSATION = [
    {"role": "system", "content": "Look closely. " * 40},
    {"role": "user", "content": "<image>\nWhat color?"},
    {"role": "assistant", "content": CALL},
    {"role": "user", "content": "<tool_response><image>\nThink.</tool_response>"},
]


@pytest.mark.parametrize("strategy", ["raise", "left", "right", "split"])
def test_max_length_bounds_prompts_and_not_later_turns(strategy: str, template: Any) -> None:
    conversation = {"messages": CONVERSATION, "images": [SCENE] * 2}
    prompt = {"messages": CONVERSATION[:2], "images": [SCENE]}
    template.set_mode("vllm")
    template.max_length = None
    whole, whole_prompt = template.encode(conversation), template.encode(prompt)
    template.max_length, template.truncation_strategy = 60, strategy
    assert len(whole["input_ids"]) > len(whole_prompt["input_ids"]) > 60
    assert template.encode(conversation)["input_ids"] == whole["input_ids"]
    assert template.max_length == 60
    if strategy == "raise":
        with pytest.raises(ValueError, match="max_length"):
            template.encode(prompt)
    else:
        assert template.encode(prompt) != whole_prompt


@pytest.mark.parametrize("strategy", ["raise", "left"])
def test_what_a_trainer_logs_is_a_conversation_too(strategy: str, template: Any) -> None:
    """ms-swift encodes its texts, without images, with the template that has `max_length`."""
    logged = {"messages": CONVERSATION}
    template.max_length = None
    whole = template.encode(logged)["input_ids"]
    template.max_length, template.truncation_strategy = 60, strategy
    for arguments in ({}, {"vllm_max_model_len": 80}):
        process.remember_arguments(SimpleNamespace(**arguments))
        assert template.encode(logged)["input_ids"] == whole


def test_supervised_training_has_its_limit(template: Any) -> None:
    template.max_length, template.truncation_strategy = 60, "raise"
    with pytest.raises(ValueError, match="max_length"):
        template.encode({"messages": CONVERSATION, "images": [SCENE] * 2})


def test_rays_driver_trains_on_whole_conversations(template: Any) -> None:
    template.max_length, template.truncation_strategy = 60, "raise"
    answer = {"role": "assistant", "content": "<answer>red</answer>"}
    row = {"messages": [*CONVERSATION, answer], "images": [SCENE] * 2}
    with pytest.raises(ValueError, match="max_length"):  # as a trainer of any other kind
        template.encode(row)
    process.remember_arguments(SimpleNamespace(use_ray=True))
    assert len(template.encode(row)["input_ids"]) > 60
    with pytest.raises(ValueError, match="max_length"):  # a prompt
        template.encode({"messages": CONVERSATION[:2], "images": [SCENE]})


@pytest.mark.parametrize("use_ray", [True, False])
def test_where_max_length_bounds_the_conversation_it_ends_the_episode(
    use_ray: bool, template: Any, caplog: pytest.LogCaptureFixture
) -> None:
    template.max_length = 700
    process.remember_arguments(SimpleNamespace(use_ray=use_ray, vllm_max_model_len=2000))
    requests = [request(uuid=str(number)) for number in range(3)]
    outputs, _ = run_colocate(always_zoom, template, requests, max_turns=50)
    assert {record(output).stop_reason for output in outputs} == {StopReason.CONTEXT_FULL}
    for output in outputs:
        assert (conversation_tokens(template, output) < 700) == use_ray
    assert caplog.text.count("--max_length") == use_ray  # one warning for all three


def conversation_tokens(
    template: Any, output: RolloutOutput, turns: int | None = None, **columns: Any
) -> int:
    """By ms-swift itself: all of it, or up to the observation after so many turns."""
    template.set_mode("transformers")
    messages = [
        {**m, "content": CALL} if isinstance(m["content"], list) else m for m in output.messages
    ]
    prompt = next(n for n, m in enumerate(messages) if m["content"] == CALL)
    messages = messages if turns is None else messages[: prompt + 2 * turns]
    images = output.rollout_infos.get("images", [])
    tags = sum(m["content"].count("<image>") for m in messages)
    max_length, template.max_length = template.max_length, None
    row = {"messages": messages, "images": images[:tags], **columns}
    count = len(template.encode(row)["input_ids"])
    template.max_length = max_length
    return count


SCHEMA = {
    "type": "function",
    "function": {
        "name": "image_zoom_in_tool",
        "description": "Zoom in. " * 60,
        "parameters": {"type": "object", "properties": {"bbox_2d": {"type": "array"}}},
    },
}
SHOTS = [
    {"role": "user", "content": "How many legs has a spider?" * 20},
    {"role": "assistant", "content": "<think>It has eight of them.</think><answer>8</answer>" * 20},
]
QUESTION = {"role": "user", "content": "<image>\nWhat color is it?"}
SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "system": {"messages": [{"role": "system", "content": "Look. " * 200}, QUESTION]},
    "tools": {"tools": [SCHEMA]},
    "tools and system": {
        "tools": [SCHEMA, SCHEMA],
        "messages": [{"role": "system", "content": "Look. " * 200}, QUESTION],
    },
    "examples": {"messages": [*SHOTS, *SHOTS, QUESTION]},
    "parts": {
        "messages": [
            {"role": "user", "content": [{"type": "image", "image": SCENE},
                                         {"type": "text", "text": "What color is it? " * 50}]}
        ],
        "images": [],
    },
    "three images": {"messages": [{"role": "user", "content": "<image>" * 3}],
                     "images": [SCENE] * 3},
    "options": {"chat_template_kwargs": {"max_pixels": 784 * 20, "min_pixels": None}},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_the_meter_never_counts_below_the_real_prompt(family: str, shape: str) -> None:
    """The engine's limit is set to the real length of the second prompt, and to some more."""
    template = family_template(family)
    (roomy,) = on_server(template, request(**SHAPES[shape]), max_model_len=30_000)
    columns = {k: v for k, v in SHAPES[shape].items() if k in ("tools", "chat_template_kwargs")}
    tokens = conversation_tokens(template, roomy, turns=1, **columns)
    (full,) = on_server(template, request(**SHAPES[shape]), max_model_len=tokens + 63)
    assert record(full).stop_reason is StopReason.CONTEXT_FULL and record(full).crops == 0
    (fits,) = on_server(template, request(**SHAPES[shape]), max_model_len=tokens + 64 + 60)
    assert record(fits).crops == 1


def test_what_the_template_writes_into_each_turn_is_counted() -> None:
    template = family_template("qwen2_5_vl")
    template.response_prefix = "<think>\n" + "Let us see. " * 40
    (roomy,) = on_server(template, request(), max_model_len=30_000)
    tokens = conversation_tokens(template, roomy, turns=2)
    (full,) = on_server(template, request(), max_model_len=tokens + 63)
    assert record(full).crops < 2

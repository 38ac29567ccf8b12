"""Templates that open a thought, close it at once, or leave it to the model."""

from __future__ import annotations

import copy
from copy import deepcopy
from typing import Any

import pytest
from PIL import Image
from swift.infer_engine.protocol import RolloutInferRequest

from swift_deepeyes.demo.families import FAMILIES, family_template
from swift_deepeyes.episode.messages import TURN_INSTRUCTION
from swift_deepeyes.episode.trajectory import Trajectory
from swift_deepeyes.episode.view import to_png
from swift_deepeyes.ms_swift.checks.prompts import UnreadableCallsError
from swift_deepeyes.ms_swift.register import register_all
from swift_deepeyes.scoring.official import extract_officially
from swift_deepeyes.scoring.scheme import ScoringScheme
from swift_deepeyes.scoring.strict import extract_strictly
from swift_deepeyes.scoring.transcript import Transcript, transcript_of_record
from swift_deepeyes.tools.zoom import ZoomTool
from tests.ms_swift.drivers import ROWS_HAVE_OPTIONS, run_colocate, run_server

pytestmark = [
    pytest.mark.skipif("qwen3_5" not in FAMILIES, reason="transformers without Qwen3.5"),
    pytest.mark.skipif(
        not ROWS_HAVE_OPTIONS, reason="before 4.3 a template is told when it is made"
    ),
]

CALL = (
    '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [100, 100, 500, 500]}}'
    "</tool_call>"
)
ANSWER = "<answer>red</answer>"
OPEN, EMPTY = "<think>\n", "<think>\n\n</think>\n\n"
DRIVERS = [run_server, run_colocate]


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    register_all()


def request(**changes: Any) -> RolloutInferRequest:
    values: dict[str, Any] = {
        "messages": [{"role": "user", "content": f"<image>\nWhat color?{TURN_INSTRUCTION}"}],
        "images": [to_png(Image.new("RGB", (640, 640), "white"))],
        "data_dict": {"env_name": "visual_toolbox_v2"},
        "uuid": "one",
    }
    return RolloutInferRequest(**deepcopy({**values, **changes}))


def prompt_of(template: Any, request: RolloutInferRequest) -> str:
    """The prompt that vLLM gets, as text."""
    template = copy.copy(template)
    template.mode = "vllm"
    row = {
        "messages": [m for m in request.messages if m["content"] is not None],
        "images": request.images,
        "tools": request.tools,
        "chat_template_kwargs": request.chat_template_kwargs or {},
    }
    ids = template.encode(deepcopy(row))["input_ids"]
    return str(template.tokenizer.decode(ids))


def play(drive: Any, template: Any, turns: list[str], **changes: Any) -> tuple[Any, list[str]]:
    """The output of a rollout whose model samples `turns`, and the prompts that it saw."""
    prompts: list[str] = []

    def policy(request: Any) -> str:
        prompts.append(prompt_of(template, request))
        return turns[len(prompts) - 1]

    (output,), _ = drive(policy, template, [request(**changes)])
    return output, prompts


def record(output: Any) -> Trajectory:
    return Trajectory.model_validate(output.rollout_infos["deepeyes"])


def errors(trajectory: Trajectory) -> list[str]:
    transcript = transcript_of_record(trajectory)
    strict = extract_strictly(transcript, ScoringScheme.VISUAL, "red").errors
    official = extract_officially(transcript, ScoringScheme.VISUAL).errors
    return [*strict, *official]


# enable_thinking of the command, of the row, and what the template then writes before each turn.
QWEN3_5 = [(None, None, EMPTY), (True, None, OPEN), (False, None, EMPTY), (None, True, OPEN),
           (True, False, EMPTY), (False, True, OPEN)]  # fmt: skip
QWEN3_VL = [(None, None, ""), (True, None, OPEN), (None, True, OPEN), (True, False, "")]
CASES = [("qwen3_5", *case) for case in QWEN3_5] + [("qwen3_vl", *case) for case in QWEN3_VL]


@pytest.mark.parametrize("drive", DRIVERS)
@pytest.mark.parametrize(("family", "flag", "of_row", "prefix"), CASES)
def test_flag_and_row_decide_and_nothing_of_the_templates_is_fined(
    family: str, flag: bool | None, of_row: bool | None, prefix: str, drive: Any
) -> None:
    template = family_template(family)
    if flag is not None:
        template.enable_thinking = flag
    options = {} if of_row is None else {"chat_template_kwargs": {"enable_thinking": of_row}}
    end = "</think>\n\n" if prefix == OPEN else ""
    turns = [f"I look.\n{end}{CALL}", f"Red.\n{end}{ANSWER}"]
    output, prompts = play(drive, template, turns, **options)
    assert all(prompt.endswith(f"assistant\n{prefix}") for prompt in prompts)
    trajectory = record(output)
    assert trajectory.prompt_opens_thought is (prefix == OPEN)
    assert [turn.text for turn in trajectory.turns] == [prefix + turn for turn in turns]
    assert trajectory.crops == 1 and errors(trajectory) == []
    # The thought of the first turn is part of the second one's prompt, as in training.
    assert f"{prefix}{turns[0]}" in prompts[1]


@pytest.mark.parametrize("prefix", ["", OPEN])
def test_a_server_that_leaves_the_prompts_tag_out_is_scored_alike(prefix: str) -> None:
    texts = [f"{prefix}I look.</think>{CALL}", f"{prefix}Red.</think>{ANSWER}"]
    for text, fined in (
        (texts[1], False),
        (f"{prefix}<think>{texts[1].removeprefix(prefix)}", False),
        (f"{prefix}Red.{ANSWER}", True),
        (f"{prefix}a</think>Red.</think>{ANSWER}", True),
    ):
        exchanges = [{"text": texts[0], "observation": "<tool_response></tool_response>"}]
        given = {"exchanges": [*exchanges, {"text": text}], "prompt_opens_thought": True}
        transcript = Transcript.model_validate(given)
        strict = extract_strictly(transcript, ScoringScheme.VISUAL, "red")
        assert ("unbalanced_think" in strict.errors) is fined, text
    sound = Transcript.model_validate(
        {"exchanges": [{"text": text} for text in texts], "prompt_opens_thought": True}
    )
    assert extract_officially(sound, ScoringScheme.VISUAL).errors == ()


def test_a_form_of_calls_that_is_not_read_stops_the_run_with_the_flag() -> None:
    template = family_template("qwen2_5_vl")
    template._agent_template = "react_en"
    tools = [ZoomTool().schema()]
    with pytest.raises(UnreadableCallsError, match="--agent_template qwen3_coder or hermes"):
        play(run_server, template, [ANSWER], tools=tools)
    # Rows that have no tool of ours, and prompts that show a form, are nobody's mistake.
    play(run_server, template, [ANSWER], tools=tools, data_dict={"env_name": ""})
    messages = [{"role": "user", "content": f"<image>\nWhat color? Zoom like this: {CALL}"}]
    output, _ = play(run_server, template, [CALL, ANSWER], tools=tools, messages=messages)
    assert record(output).crops == 1

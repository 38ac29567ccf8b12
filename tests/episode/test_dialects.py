"""Calls in tags, as Qwen3.5 writes them: what is read, what each mistake is called, and when."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_deepeyes.episode.calls import MalformedCall, ToolCall
from swift_deepeyes.episode.dialects.dialect import Dialect
from swift_deepeyes.episode.dialects.registry import READERS, Dialects, dialects_of
from swift_deepeyes.episode.episode import Episode
from swift_deepeyes.episode.parsing import parse_turn
from swift_deepeyes.episode.trajectory import CallStatus, StopReason, Trajectory
from swift_deepeyes.tools.prompt import tool_system_prompt
from tests.episode.helpers import make_episode

XML, JSON = Dialect.QWEN3_CODER, Dialect.HERMES
QWEN3_5 = Dialects(XML, frozenset({JSON}))
FORM = READERS[XML].write("image_zoom_in_tool", {"bbox_2d": [10, 20, 100, 200]})
BODY = """
<function=image_zoom_in_tool>
<parameter=bbox_2d>
[10, 20, 110, 120]
</parameter>
<parameter=label>
ball
</parameter>
</function>
"""
GOOD_JSON = '{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [10, 20, 110, 120]}}'

MISTAKES = {
    "": "nothing between the tags",
    " \n ": "nothing between the tags",
    "image_zoom_in_tool(bbox_2d=[1, 2, 3, 4])": "does not begin with <function=NAME>",
    "I zoom in: " + BODY: "does not begin with <function=NAME>",
    BODY.replace("tool>", "tool", 1): "tag of the function is not right",
    BODY.replace("<function=image_zoom_in_tool>", "<function image_zoom_in_tool>"):
        "tag of the function is not right",
    BODY.replace("<function=image_zoom_in_tool>", '<function name="image_zoom_in_tool">'):
        "tag of the function is not right",
    BODY.replace("=image_zoom_in_tool", "="): "tag of a function has no name",
    BODY.replace("=image_zoom_in_tool", '="image_zoom_in_tool"'): "stands without quotes",
    BODY.replace("</function>", ""): "function is not closed",
    BODY.replace("</function>", "<function=a></function>"): "function is not closed",
    "<function=image_zoom_in_tool>": "function is not closed",
    BODY.replace("<parameter=bbox_2d>", "<parameter=bbox_2d"): "tag of a parameter is not right",
    BODY.replace("<parameter=bbox_2d>", '<parameter name="bbox_2d">'):
        "tag of a parameter is not right",
    BODY.replace("=bbox_2d", "= "): "tag of a parameter has no name",
    BODY.replace("=bbox_2d", "='bbox_2d'"): "stands without quotes",
    BODY.replace("</parameter>", "", 1): "parameter is not closed",
    BODY.replace("</parameter>\n</function>", "</function>"): "parameter is not closed",
    BODY[: BODY.rindex("</parameter>")]: "parameter is not closed",
    BODY.replace("</function>", "</parameter>\n</function>"): "a closing </parameter> too many",
    BODY.replace("=label", "=bbox_2d"): "given twice",
    '<function=image_zoom_in_tool>{"bbox_2d": [1, 2, 3, 4]}</function>': "Each argument stands in",
    "<function=image_zoom_in_tool><bbox_2d>[1, 2, 3, 4]</bbox_2d></function>":
        "Each argument stands in",
    BODY + BODY: "two functions",
    BODY + "done": "Something follows </function>",
    BODY.replace("ball", "\ud83d"): "half a character",
    BODY.replace("ball", "red " * 2_100): "longer than 8192 characters",
    BODY.replace("<parameter=label>", "<b><parameter=label>"): "Each argument stands in",
}  # fmt: skip


def turn(body: str) -> str:
    return f"<tool_call>{body}</tool_call>"


def play(text: str, dialects: Dialects = QWEN3_5) -> tuple[str, Trajectory]:
    """What the model reads back after a turn (an empty text: nothing), and the record."""
    episode: Episode = make_episode(dialects=dialects)
    observation = episode.advance(text, tokens=1, truncated=False)
    assert Trajectory.model_validate_json(episode.record.model_dump_json()) == episode.record
    return "" if observation is None else observation.text, episode.record


@pytest.mark.parametrize("body", MISTAKES, ids=range(len(MISTAKES)))
def test_each_mistake_has_its_own_words_and_the_form_of_a_right_call(body: str) -> None:
    read, record = play(turn(body))
    assert MISTAKES[body] in read and FORM in read and GOOD_JSON not in read
    assert [call.status for call in record.calls] == [CallStatus.MALFORMED_CALL]


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        BODY.replace("\n", ""),
        BODY.replace("\n", "\r\n"),
        BODY.replace("\n", "\n   "),
        BODY.replace("=bbox_2d", "= bbox_2d "),
        BODY.replace("bbox_2d", "bbox"),
        BODY.replace("[10, 20, 110, 120]", "[10.0, 20.0, 110.0, 120.0]"),
        BODY.replace("[10, 20, 110, 120]", '"[10, 20, 110, 120]"'),
        BODY.replace("[10, 20, 110, 120]", '["10", "20", "110", "120"]'),
        *(
            BODY.replace("label>\nball", f"img_idx>\n{index}")
            for index in ("0", "0.0", " 0 ", '"0"', "", "null", "None")
        ),
    ],
)
def test_a_call_in_tags_is_read(body: str) -> None:
    read, record = play(turn(body))
    assert read.count("<image>") == 1
    (call,) = record.calls
    assert (call.status, call.image_index, call.box) == ("ok", 0, (10.0, 20.0, 110.0, 120.0))


def test_the_record_has_typed_arguments_and_keeps_texts() -> None:
    _, record = play(turn(BODY.replace("ball", "02134")))
    (call,) = record.calls
    assert call.arguments == {"bbox_2d": [10, 20, 110, 120], "label": "02134"}


@pytest.mark.parametrize(
    ("value", "status", "told"),
    [
        ("(10, 20, 110, 120)", CallStatus.BAD_BOX, "four numbers"),
        ("10, 20, 110, 120", CallStatus.BAD_BOX, "four numbers"),
        ("[10, 20, 110]", CallStatus.BAD_BOX, "four numbers"),
        ("[110, 20, 10, 120]", CallStatus.BAD_BOX, "x1 < x2"),
        ("", CallStatus.BAD_ARGUMENTS, "bbox_2d is missing"),
        ("null", CallStatus.BAD_ARGUMENTS, "bbox_2d is missing"),
        ("[1e999, 2, 3, 4]", CallStatus.BAD_BOX, "four numbers"),
        ("[" * 900 + "]" * 900, CallStatus.BAD_BOX, "four numbers"),
        ("<image>", CallStatus.BAD_BOX, "four numbers"),
    ],
)
def test_what_is_no_box_is_told(value: str, status: CallStatus, told: str) -> None:
    read, record = play(turn(BODY.replace("[10, 20, 110, 120]", value)))
    assert told in read and "<image>" not in read
    assert [call.status for call in record.calls] == [status]


def test_errors_show_the_form_that_the_prompt_taught() -> None:
    for taught, other in ((XML, JSON), (JSON, XML)):
        form = READERS[taught].write("image_zoom_in_tool", {"bbox_2d": [10, 20, 100, 200]})
        unknown = READERS[other].write("image_crop_tool", {"bbox_2d": [1, 2, 3, 4]})
        read, record = play(unknown, Dialects(taught, frozenset({other})))
        assert [call.status for call in record.calls] == [CallStatus.UNKNOWN_TOOL]
        assert form in read and "image_crop_tool" not in read


def test_both_forms_in_one_turn_are_read() -> None:
    calls = parse_turn(turn(BODY) + turn(GOOD_JSON), QWEN3_5).calls
    assert [call.name for call in calls] == ["image_zoom_in_tool"] * 2
    assert all(isinstance(call, ToolCall) for call in calls)


def test_a_model_of_the_other_family_is_told_to_write_json() -> None:
    read, record = play(turn(BODY), Dialects())
    assert "begins with a tag" in read and "{" in read and "<function=" not in read
    assert [call.status for call in record.calls] == [CallStatus.MALFORMED_CALL]


def test_a_call_without_its_tags_is_a_mistake_not_the_end() -> None:
    for text in (BODY, "I zoom in.\n" + BODY + "</tool_call>", "<function=image_zoom_in_tool"):
        read, record = play(text)
        assert "does not stand between <tool_call> and </tool_call>" in read and FORM in read
        assert len(list(record.calls)) == 1
    # For a model that is not read so, and in a thought or beside an answer, it is a text.
    assert play(BODY, Dialects())[1].stop_reason is StopReason.NO_ACTION
    assert play(f"<think>{BODY}</think>I see.")[1].stop_reason is StopReason.NO_ACTION
    assert play(f"{BODY}<answer>red</answer>")[1].stop_reason is StopReason.ANSWERED


@pytest.mark.parametrize(
    ("agent_template", "prompt", "taught", "others"),
    [
        ("hermes", "", JSON, set()),
        (None, "", JSON, set()),
        ("glm4_5", "", JSON, set()),
        ("qwen3_5", "", XML, {JSON}),
        ("qwen3_coder", "", XML, {JSON}),
        ("qwen3_5", tool_system_prompt(), JSON, {XML}),
        ("hermes", tool_system_prompt(), JSON, set()),
        ("qwen3_5", FORM, XML, {JSON}),
        ("hermes", FORM, XML, {JSON}),
        ("qwen3_5", FORM + tool_system_prompt(), XML, {JSON}),
        ("hermes", FORM + tool_system_prompt(), JSON, {XML}),
        ("qwen3_5", "call **image_zoom_in_tool**: <tool_call>...</tool_call>", XML, {JSON}),
    ],
)
def test_template_and_prompt_decide(
    agent_template: str | None, prompt: str, taught: Dialect, others: set[Dialect]
) -> None:
    assert dialects_of(agent_template, prompt) == Dialects(taught, frozenset(others))


PIECES = ["<function=", "<function=f>", "</function>", "<parameter=", "<parameter=a>",
          "</parameter>", "<image>", "<think>", "</think>", "<answer>", "=", ">", " ", "\n", "[1]",
          "{", "\ud83d"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=20).map("".join))
def test_any_body_is_a_call_or_a_mistake_in_words(body: str) -> None:
    call = READERS[XML].read(body)
    if isinstance(call, ToolCall):
        json.dumps(call.arguments, allow_nan=False, ensure_ascii=False).encode()
    else:
        assert call.message.endswith(".") and "<image>" not in call.message


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.integers(0, 12))
def test_messages_repeat_nothing_of_what_the_model_wrote(body: str, place: int) -> None:
    marked = READERS[XML].read(body[:place] + "SECRET" + body[place:] + "SECRET<image>")
    if isinstance(marked, MalformedCall):
        assert "SECRET" not in marked.message and "<image>" not in marked.message


@given(st.lists(st.sampled_from([*PIECES, "<tool_call>", "</tool_call>"]), max_size=16))
def test_no_turn_raises_and_no_observation_repeats_it(pieces: list[str]) -> None:
    read, _ = play("".join(pieces).replace("=f>", "=SECRET>").replace("=a>", "=SECRET>"))
    assert "SECRET" not in read and "<image>" not in read


@given(st.text(max_size=40), st.text(max_size=12))
def test_a_text_comes_back_as_it_was_written(value: str, name: str) -> None:
    written = READERS[XML].write("t", {"label": value})
    call = READERS[XML].read(written.removeprefix("<tool_call>").removesuffix("</tool_call>"))
    if isinstance(call, ToolCall):
        assert call.arguments["label"] == value


@pytest.mark.parametrize(
    "text",
    [
        "<function=" * 200_000, turn("<parameter=a>" * 100_000), turn("<function=f>" * 100_000),
        "<tool_call><function=f>" * 80_000, "<tool_call><function=f>" * 60_000 + "</tool_call>",
        turn("<function=f>") * 60_000, "<think>" + turn("<function=f><parameter=a><think>") * 9_000,
        turn("<function=f>" + "<parameter=a></parameter>" * 300 + "</function>") * 60,
        turn(" " * 400_000), "<tool_call>" + " " * 400_000 + "{",
    ],
    ids=range(10),
)  # fmt: skip
def test_long_junk_takes_linear_time(text: str) -> None:
    started = time.process_time()
    parse_turn(text, QWEN3_5)
    dialects_of("qwen3_5", text)
    assert time.process_time() - started < 4  # seconds; a quadratic scan takes minutes


def test_prompts_of_any_length_are_searched_in_linear_time() -> None:
    started = time.process_time()
    for piece in ("<tool_call>", "<tool_call> ", "<tool_call>\n" * 3 + " ", "<function"):
        dialects_of("hermes", piece * 100_000)
    dialects_of("hermes", "<tool_call>" + " " * 1_000_000)
    assert time.process_time() - started < 4


def test_not_run_calls_are_recorded_typed() -> None:
    _, record = play(turn(BODY) + turn(BODY))
    first, second = record.calls
    assert second.status is CallStatus.TOO_MANY_CALLS
    assert first.arguments == second.arguments == {"bbox_2d": [10, 20, 110, 120], "label": "ball"}


def test_a_row_without_tools_records_texts() -> None:
    episode = make_episode(toolbox=None, dialects=QWEN3_5)
    assert episode.advance(turn(BODY), tokens=1, truncated=False) is None
    (call,) = episode.record.calls
    arguments: dict[str, Any] = call.arguments or {}
    assert arguments["bbox_2d"] == "[10, 20, 110, 120]"

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_deepeyes.episode.parsing import MalformedCall, ToolCall, parse_turn, read_call

CALL = (
    '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [1, 2, 3, 4]}}</tool_call>'
)
TAGS = ["<think>", "</think>", "<answer>", "</answer>", "<tool_call>", "</tool_call>", "<image>"]


def test_a_plain_call() -> None:
    turn = parse_turn(f"<think>look</think>{CALL}")
    assert turn.calls == (ToolCall("image_zoom_in_tool", {"bbox_2d": [1, 2, 3, 4]}),)
    assert not turn.has_answer


def test_arguments_may_be_a_json_string() -> None:
    body = json.dumps({"name": "t", "arguments": json.dumps({"bbox": [1, 2, 3, 4]})})
    assert read_call(body) == ToolCall("t", {"bbox": [1, 2, 3, 4]})


def test_answer_and_call_are_both_seen() -> None:
    turn = parse_turn(f"{CALL}<answer>red</answer>")
    assert turn.has_answer and len(turn.calls) == 1


def test_thoughts_are_not_actions() -> None:
    turn = parse_turn(f"<think>I could write {CALL} or <answer>x</answer></think>{CALL}")
    assert len(turn.calls) == 1 and not turn.has_answer


def test_an_unfinished_thought_hides_nothing() -> None:
    assert len(parse_turn(f"<think>so {CALL}").calls) == 1


def test_a_draft_in_a_thought_that_the_prompt_opened_is_no_action() -> None:
    turn = parse_turn(f"I could write {CALL} or <answer>x</answer></think>{CALL}")
    assert len(turn.calls) == 1 and not turn.has_answer


def test_junk_after_and_between_calls_is_ignored() -> None:
    turn = parse_turn(f"{CALL} and then {CALL} bye")
    assert [type(call) for call in turn.calls] == [ToolCall, ToolCall]


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "3", "null", '{"name": "t"}', '{"arguments": {}}',
        '{"name": 3, "arguments": {}}',
        '{"name": "t", "arguments": [1]}', '{"name": "t", "arguments": "x"}',
        '{"name": "t", "arguments": {"x": NaN}}', '{"name": "t", "arguments": {"x": Infinity}}',
        '{"name": "t", "arguments": {"x": 1e999}}',
        '{"name": "t", "arguments": {"x": ' + "9" * 5000 + "}}",
        '{"name": "t", "arguments": {"x": "\\ud800"}}', '{"name": "t", "arguments": ' + "[" * 4000,
        "{'name': 't', 'arguments': {}}", '{"name": "t", "arguments": {},}', "x" * 9000,
    ],
)  # fmt: skip
def test_malformed_calls_are_told_so(body: str) -> None:
    assert isinstance(read_call(body), MalformedCall)


def test_a_call_that_is_not_closed_is_malformed() -> None:
    (call,) = parse_turn('<tool_call>{"name": "t", "arguments": {}}').calls
    assert isinstance(call, MalformedCall) and "closed" in call.message


@pytest.mark.parametrize(
    "text", [tag * 200_000 for tag in TAGS] + ["<tool_call></tool_call>" * 90_000]
)
def test_repeated_tags_take_linear_time(text: str) -> None:
    started = time.process_time()
    parse_turn(text)
    # A quadratic scan of two megabytes takes minutes.
    assert time.process_time() - started < 5


@given(st.lists(st.one_of(st.sampled_from(TAGS), st.text(max_size=20)), max_size=30))
def test_any_text_gives_a_result(pieces: list[str]) -> None:
    turn = parse_turn("".join(pieces))
    for call in turn.calls:
        if isinstance(call, ToolCall):
            json.dumps(call.arguments, allow_nan=False).encode()


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))  # fmt: skip
def test_any_arguments_give_strict_json_or_an_error(value: object) -> None:
    call = read_call(json.dumps({"name": "t", "arguments": {"v": value}}))
    if isinstance(call, ToolCall):
        json.dumps(call.arguments, allow_nan=False, ensure_ascii=False).encode("utf-8")

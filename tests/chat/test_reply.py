"""Every body that a server may send: what the model wrote is read, and what took it is named."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_deepeyes.chat.address import Address
from swift_deepeyes.chat.failures import FailedCallError
from swift_deepeyes.chat.reply import Finish, Reply, parse_reply
from swift_deepeyes.evaluation.endpoint import NAMES

CALL = [{"id": "1", "type": "function", "function": {"name": "image_zoom_in_tool"}}]
KEPT = '<think>x</think><tool_call>{"name": "image_zoom_in_tool"}</tool_call>'
ANSWER = "<think>hm</think><answer>A</answer>"


def body(
    message: object, finish: object = "stop", usage: object = None, **more: object
) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"choices": [choice], "usage": usage, **more}


def read(content: object) -> Reply:
    return parse_reply(json.dumps(content).encode())


READABLE: list[tuple[dict[str, Any], str, bool]] = [
    (body({"content": ANSWER}), ANSWER, False),
    (body({"content": ANSWER, "tool_calls": [], "reasoning_content": None}), ANSWER, False),
    (body({"content": ANSWER, "refusal": None, "function_call": None}), ANSWER, False),
    (body({"content": ""}), "", False),
    (
        body({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
        "ab",
        False,
    ),
    (body({"content": ["a", {"type": "image_url"}, {"text": "b"}, 3, None]}), "ab", False),
    (body({"content": "cut"}, "length"), "cut", True),
    (body({"content": None}, "length"), "", True),
    (body({"content": "x"}, None), "x", False),
    (body({"content": "x"}, "eos"), "x", False),
    (body({"content": "x"}, "tool_calls"), "x", False),
    # `swift deploy` lists the call and leaves it in the text.
    (body({"content": KEPT, "tool_calls": CALL}, "tool_calls"), KEPT, False),
    (body({"content": "C", "reasoning_content": "R"}), "<think>R</think>C", False),
    (body({"content": "C", "reasoning": "R"}), "<think>R</think>C", False),
    (body({"content": None, "reasoning": "R"}, "length"), "<think>R", True),
    (body({"content": "x"}, error=None), "x", False),
    (body({"content": "a\ud800b"}), "a?b", False),
    (body({"content": "\ud83d\ude00"}), "😀", False),
]


@pytest.mark.parametrize(("content", "text", "truncated"), READABLE)
def test_what_the_model_wrote_is_read(content: object, text: str, truncated: bool) -> None:
    reply = read(content)
    assert (reply.text, reply.truncated, reply.loss) == (text, truncated, None)
    reply.text.encode()


UNUSABLE = [
    (body({"content": None, "tool_calls": CALL}, "tool_calls"), "--tool-call-parser"),
    (body({"content": "<think>x</think>", "tool_calls": CALL}), "--tool-call-parser"),
    (body({"content": "", "function_call": {"name": "x"}}, "function_call"), "--tool-call-parser"),
    (body({"content": None}, "tool_calls"), "--tool-call-parser"),
    (body({"content": None, "reasoning_content": ANSWER}), "--reasoning-parser"),
    (body({"content": "\n\n", "reasoning": ANSWER}), "--reasoning-parser"),
    (body({"content": None, "refusal": "I can't help with that."}), "refusal"),
    (body({"content": "A par"}, "content_filter"), "content filter"),
    (body({"content": None}), "content null"),
    (body({"role": "assistant"}), "content null"),
    (body({"content": []}), "content null"),
    (body({"content": 7}), "another type"),
    (body({"content": {"text": "x"}}), "another type"),
]


@pytest.mark.parametrize(("content", "reason"), UNUSABLE)
def test_what_a_server_took_away_is_no_answer(content: object, reason: str) -> None:
    loss = read(content).loss
    assert loss is not None and reason in loss


PASSING = [
    b"",
    b"data: {}\n\ndata: [DONE]\n",
    b"<html></html>",
    b"null",
    b"[]",
    b'{"choices": []}',
    b'{"choices": null}',
    b'{"choices": {}}',
    b'{"choices": [null]}',
    b'{"choices": [{"text": "x"}]}',
    b'{"choices": [{"message": "x"}]}',
    b'{"error": {"message": "out of memory", "code": 500}}',
    b'{"error": "out of memory", "choices": []}',
    b"\xff\xfe\x00",
    b"[" * 100_000,
]


@pytest.mark.parametrize("data", PASSING)
def test_what_another_try_may_mend(data: bytes) -> None:
    with pytest.raises(FailedCallError) as raised:
        parse_reply(data)
    assert len(raised.value.explained(Address("http://x/v1"), NAMES)) < 600
    assert not raised.value.is_final


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, (5, 2)),
        ({"prompt_tokens": "5", "completion_tokens": -1}, (None, None)),
        ({"prompt_tokens": True, "completion_tokens": 1.5}, (None, None)),
        ([], (None, None)),
        ("many", (None, None)),
        (None, (None, None)),
    ],
)
def test_counts_of_another_type_are_not_told(
    usage: object, counted: tuple[int | None, int | None]
) -> None:
    reply = read(body({"content": "x"}, usage=usage))
    assert (reply.prompt_tokens, reply.completion_tokens) == counted


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["content", "tool_calls", "reasoning", "reasoning_content", "refusal", "function_call"]


@given(st.dictionaries(st.sampled_from(KEYS), JSON), JSON, JSON)
def test_no_body_raises_anything_else(message: object, finish: object, usage: object) -> None:
    with suppress(FailedCallError):
        assert isinstance(read(body(message, finish, usage)), Reply)


@pytest.mark.parametrize("reason", ["abort", "Error", "cancelled"])
def test_what_a_server_broke_off_is_named(reason: str) -> None:
    reply = read(body({"content": "A"}, reason))
    assert reply.finish is Finish.ABORTED
    assert not reply.is_complete


@pytest.mark.parametrize(
    ("reason", "is_complete"),
    [("stop", True), (None, True), ("eos", True), ("length", False), ("tool_calls", False)],
)
def test_only_what_ended_by_itself_is_complete(reason: object, is_complete: bool) -> None:
    assert read(body({"content": "1"}, reason)).is_complete is is_complete


def test_a_thought_is_no_part_of_the_content() -> None:
    reply = read(body({"content": "1", "reasoning_content": "It says 0."}))
    assert (reply.content, reply.thought_restored) == ("1", True)
    assert reply.text == "<think>It says 0.</think>1"

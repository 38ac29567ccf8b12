"""A conversation in any shape: text with tags and images in order, or a reason why not."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from swift.template.template_inputs import StdTemplateInputs

from swift_deepeyes.dataset.conversation import (
    BadConversationError,
    ConversationFault,
    read_conversation,
)
from tests.dataset import lookalike

F = ConversationFault
A, B, C = "a.png", "b.png", {"bytes": b"c", "path": None}
URI = "data:image/png;base64,iVBO"
SYSTEM = {"role": "system", "content": "Look."}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def image(path: object = None, **more: object) -> dict[str, Any]:
    return {"type": "image", **({} if path is None else {"image": path}), **more}


def url(address: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": address}


def user(*parts: object) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


GOOD = {
    "tags": ([{"role": "user", "content": "<image>Red?"}], [A], "<image>Red?", [A]),
    "part": (user(image(A), text("Red?")), [], "<image>Red?", [A]),
    "part_after_text": (user(text("Red? "), image(A)), [], "Red? <image>", [A]),
    "two_parts": (user(image(A), text("or"), image(B)), [], "<image>or<image>", [A, B]),
    "url": (user(url({"url": A}), text("?")), [], "<image>?", [A]),
    "url_as_text": (user(url(A), text("?")), [], "<image>?", [A]),
    "data_uri": (user(url({"url": URI, "detail": "high"})), [], "<image>", [URI]),
    "places": (user(image(), text("and"), image()), [A, B], "<image>and<image>", [A, B]),
    "empty_address": (user(url({"url": ""}), text("?")), [A], "<image>?", [A]),
    "mixed": (user(image(A), text("?"), image()), [B], "<image>?<image>", [A, B]),
    "column_first": (user(image(), text("?"), image(A)), [B], "<image>?<image>", [B, A]),
    "tag_in_a_text": (user(text("<image>?"), image(A)), [B], "<image>?<image>", [B, A]),
    "named_twice": (user(image(A), text("?")), [{"bytes": None, "path": A}], "<image>?", [A]),
    "entry_as_part": (user(image(C), text("?")), [], "<image>?", [C]),
    "arrow": (
        user({**image(A), "text": None}, {**text("?"), "image": None}),
        [],
        "<image>?",
        [A],
    ),
    "hugging_face_url": (user(image(url=A), text("?")), [], "<image>?", [A]),
    "hugging_face_path": (user(image(path=A), text("?")), [], "<image>?", [A]),
    "responses": (
        user({"type": "input_image", "image_url": A}, {"type": "input_text", "text": "?"}),
        [],
        "<image>?",
        [A],
    ),
    "anthropic": (
        user(
            image(source={"type": "base64", "media_type": "image/png", "data": "iVBO"}), text("?")
        ),
        [],
        "<image>?",
        [URI],
    ),
    "no_type": (user({"text": "?"}, {"image_url": {"url": A}}), [], "?<image>", [A]),
    "plain_strings": (user("Red", "?"), [], "Red?", []),
    "one_part": ([{"role": "user", "content": text("?")}], [], "?", []),
    "untagged": ([{"role": "user", "content": "Red?"}], [A, B], "<image><image>Red?", [A, B]),
    "one_untagged": ([{"role": "user", "content": "<image>?"}], [A, B], "<image><image>?", [A, B]),
    "plain_text": ("Red?", [A], "<image>Red?", [A]),
    "text_like_a_list": ("[1, 2] is what?", [], "[1, 2] is what?", []),
    "json": (json.dumps(user(image(A), text("?"))), [], "<image>?", [A]),
    "python": (repr(user(image(A), text("it's"))), [], "<image>it's", [A]),
    "json_of_one": (json.dumps(user(text("?"))[0]), [], "?", []),
    "array": (np.array(user(image(A), text("?"))), [], "<image>?", [A]),
    "array_of_parts": (
        [{"role": "user", "content": np.array([image(A), text("?")])}],
        np.array([], object),
        "<image>?",
        [A],
    ),
    "from_and_value": ([{"from": "human", "value": "<image>?"}], [A], "<image>?", [A]),
    "from_beside_empty_role": (
        [{"role": None, "content": None, "from": "human", "value": "?"}],
        [],
        "?",
        [],
    ),
    "dict_of_lists": ({"role": ["user"], "content": ["?"]}, [], "?", []),
    "surrogate": ('[{"role": "user", "content": "\\ud83d?"}]', [], "??", []),
}


@pytest.mark.parametrize("name", GOOD)
def test_text_and_images(name: str) -> None:
    messages, images, words, expected = GOOD[name]
    before = deepcopy(messages)
    read = read_conversation(messages, list(images))
    assert [message["content"] for message in read.messages] == [words]
    assert [message["role"] for message in read.messages] == ["user"]
    assert read.images == expected
    assert (
        np.array_equal(messages, before)
        if isinstance(before, np.ndarray)
        else (str(messages) == str(before))
    )


@pytest.mark.parametrize("name", ["part", "two_parts", "url", "url_as_text", "data_uri", "places"])
def test_it_is_what_the_template_makes_of_it(name: str) -> None:
    messages, images, _, _ = GOOD[name]
    template = StdTemplateInputs.from_dict({"messages": deepcopy(messages), "images": images})
    read = read_conversation(messages, images)
    assert [message["content"] for message in template.messages] == [
        message["content"] for message in read.messages
    ]
    assert template.images == read.images


def test_many_turns() -> None:
    shots = [
        {"role": "developer", "content": [text("Look.")]},
        {"from": "human", "value": [image(A), text("First?")]},
        {"from": "gpt", "value": "Red"},
        {"role": "tool", "content": {"name": "zoom", "arguments": {}}},
        {"role": "user", "content": [image(B), text("Second?")]},
        {"role": "assistant", "content": "Blue"},
    ]
    read = read_conversation(shots, [])
    roles = [message["role"] for message in read.messages]
    assert roles == ["system", "user", "assistant", "tool", "user", "assistant"]
    assert read.messages[0]["content"] == "Look."
    assert read.messages[3]["content"] == '{"name": "zoom", "arguments": {}}'
    assert read.images == [A, B]


BAD: dict[str, tuple[object, list[object], ConversationFault, str]] = {
    "none": (None, [], F.NO_MESSAGES, "no messages"),
    "nan": (float("nan"), [], F.NO_MESSAGES, "no messages"),
    "empty": ([], [], F.NO_MESSAGES, "no messages"),
    "blank": (" ", [], F.NO_MESSAGES, "no messages"),
    "numbers": ([1], [], F.UNREADABLE, "not a role"),
    "cut_json": ('[{"role": "user", "content": "Re', [], F.UNREADABLE, "no JSON"),
    "array_as_text": ("[{'role': 'user'}\n {'role': 'a'}]", [], F.UNREADABLE, "no JSON"),
    "no_user": ([SYSTEM], [A], F.NO_USER, "no user message"),
    "only_answers": ([{"role": "assistant", "content": "x"}], [], F.NO_USER, "no user message"),
    "ends_with_system": ([*user("?"), SYSTEM], [], F.NO_USER, "ends with a system"),
    "role": ([{"role": "critic", "content": "?"}], [], F.UNREADABLE, "role 'critic'"),
    "no_role": ([{"content": "?"}], [], F.UNREADABLE, "role None"),
    "array_as_role": ([{"role": ["user"], "content": "?"}], [], F.UNREADABLE, "role"),
    "content_none": ([{"role": "user", "content": None}], [], F.NO_CONTENT, "'user' without"),
    "no_content": ([SYSTEM, {"role": "user"}], [], F.NO_CONTENT, "without content"),
    "content_nan": ([{"role": "user", "content": float("nan")}], [], F.NO_CONTENT, "without"),
    "text_none": (user({"type": "text", "text": None}), [], F.NO_CONTENT, "without text"),
    "video": (user({"type": "video", "video": "v.mp4"}), [], F.UNREADABLE, "'video'"),
    "part_number": (user(3), [], F.UNREADABLE, "no dict"),
    "kind_is_a_list": (user({"type": ["image"]}), [], F.UNREADABLE, "of type"),
    "one_of_two": (user(image(), text("?"), image()), [A], F.IMAGE_COUNT, "2 <image> tags for 1"),
    "tags": ([{"role": "user", "content": "<image><image>"}], [A], F.IMAGE_COUNT, "2 <image>"),
    "part_and_tag": (user(image(A), text("<image>?")), [], F.IMAGE_COUNT, "2 <image> tags for 1"),
    "parts_and_column": (user(image(A), text("?")), [B], F.IMAGE_COUNT, "1 more in the column"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_trained_on_is_told(name: str) -> None:
    messages, images, fault, reason = BAD[name]
    with pytest.raises(BadConversationError, match=reason) as caught:
        read_conversation(messages, images)
    assert caught.value.fault is fault


def test_nested_without_end() -> None:
    deep = '[{"role": ' + "[" * 100_000
    with pytest.raises(BadConversationError):
        read_conversation(deep, [])


def test_base64_in_a_part() -> None:
    packed = base64.b64encode(lookalike.png()).decode()
    assert read_conversation(user(image(base64=packed)), []).images == [packed]

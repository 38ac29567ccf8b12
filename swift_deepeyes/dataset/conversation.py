"""A row's conversation in any of its shapes → messages of text with `<image>` tags, and images.

ms-swift's own shape is text with tags and a column of images; it also takes OpenAI's lists of
parts, and turns them into its own in `StdTemplateInputs.remove_messages_media` (texts joined, each
image a tag, images in order) each time that a template encodes. The scheduler works before that,
so the same is done here once, when the row is read. Pure: no image is opened.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Any

from swift_deepeyes.counted import counted
from swift_deepeyes.dataset.content_parts import (
    ContentPartError,
    NoTextError,
    neither_text_nor_image,
    read_part,
)
from swift_deepeyes.dataset.images import BadImageError, as_entry
from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.dataset.values import leaf_text, plain
from swift_deepeyes.frozen import valid_text

Message = dict[str, Any]

# What ms-swift's `MessagesPreprocessor` reads, and OpenAI's newer name for `system`.
_KEYS = {"from": "role", "value": "content"}
_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "developer": "system",
    "function_call": "tool_call",
    "function_response": "tool_response",
    "observation": "tool_response",
    "observations": "tool_response",
}
_KNOWN_ROLES = frozenset({"system", "user", "assistant", "tool", "tool_call", "tool_response"})
_TOOL_ROLES = frozenset({"tool", "tool_call", "tool_response"})
_MEANT_AS_MESSAGES = re.compile(r"""\s*\[?\s*\{\s*["'](role|from|content|value)["']\s*:""")


class ConversationFault(StrEnum):
    """What makes a conversation unusable."""

    NO_MESSAGES = "no messages"
    UNREADABLE = "unreadable messages"
    NO_CONTENT = "a message without content"
    NO_USER = "no user message at the end"
    IMAGE_COUNT = "images and tags do not match"
    NO_TOOLBOX = "an env_name that names no toolbox"
    OTHER_FRAME = "a prompt that states another frame of boxes"


@dataclass(frozen=True)
class RowConversation:
    """Messages whose contents are text, with one `<image>` tag for each of the images, in order."""

    messages: list[Message]
    images: list[object]


class BadConversationError(ValueError):
    """A conversation that cannot be trained on; the message is the reason.

    `conversation`: where only the images do not match, what was read all the same.
    """

    def __init__(
        self,
        fault: ConversationFault,
        reason: str = "",
        conversation: RowConversation | None = None,
    ) -> None:
        super().__init__(reason or str(fault))
        self.fault = fault
        self.conversation = conversation


def read_conversation(messages: object, images: Sequence[object]) -> RowConversation:
    """The conversation of a row. Raises `BadConversationError`."""
    return with_text_content(as_messages(messages), images)


def as_messages(value: object) -> list[Message]:
    """The messages as dicts with role and content, however they are stored.

    A list of dicts, a dict of lists (a `Sequence` of `datasets`), or either as JSON or as Python
    writes it; any other text is the user's one message. Raises `BadConversationError`.
    """
    value = plain(value)
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, Mapping):
        value = _rows_of(value)
    if not isinstance(value, list | tuple) or not value:
        raise BadConversationError(ConversationFault.NO_MESSAGES)
    if not all(isinstance(message, Mapping) for message in value):
        raise BadConversationError(
            ConversationFault.UNREADABLE, "a message that is not a role and a content"
        )
    return [_standard(message) for message in value]


def with_text_content(messages: Sequence[Message], images: Sequence[object]) -> RowConversation:
    """The same with text contents, and the images of parts and column in the order of the tags.

    An image that no tag asks for gets a tag in front of the first user message, as ms-swift does
    when it encodes. Raises `BadConversationError`.
    """
    read = [_text_and_slots(message) for message in messages]
    new = [{**message, "content": text} for message, (text, _) in zip(messages, read, strict=True)]
    _check_roles(new)
    slots = list(chain.from_iterable(slots for _, slots in read))
    try:
        placed, untagged = _placed(slots, images)
    except ValueError as error:
        known = RowConversation(new, list(images))
        raise BadConversationError(ConversationFault.IMAGE_COUNT, str(error), known) from error
    if untagged:
        user = next(message for message in new if message["role"] == "user")
        user["content"] = IMAGE_TAG * len(untagged) + user["content"]
    return RowConversation(new, placed + untagged)


def _parsed(text: str) -> object:
    """What a text holds: messages, or the user's words."""
    if not text.strip():
        return None
    if not _MEANT_AS_MESSAGES.match(text):
        return [{"role": "user", "content": text}]
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    raise BadConversationError(
        ConversationFault.UNREADABLE, f"messages as text that is no JSON: {text[:60]!r}"
    )


def _rows_of(value: Mapping[str, Any]) -> list[Message]:
    """One message, or the messages of a dict of lists."""
    columns: dict[str, Any] = {key: plain(column) for key, column in value.items()}
    if not all(isinstance(columns.get(key), list) for key in ("role", "content")):
        return [dict(value)]
    pairs = zip(columns["role"], columns["content"], strict=False)
    return [{"role": role, "content": content} for role, content in pairs]


def _standard(message: Mapping[str, Any]) -> Message:
    """A message with ms-swift's names of keys and roles; keys that Arrow filled in are left out."""
    given = {key: value for key, value in message.items() if value is not None}
    for key, standard in _KEYS.items():
        if standard not in given and key in given:
            given[standard] = given.pop(key)
    role = given.get("role")
    if isinstance(role, str):
        given["role"] = _ROLES.get(role.replace("-", "_"), role)
    return given


def _check_roles(messages: Sequence[Message]) -> None:
    roles = [message.get("role") for message in messages]
    for role in roles:
        if not isinstance(role, str) or role not in _KNOWN_ROLES:
            raise BadConversationError(ConversationFault.UNREADABLE, f"a message of role {role!r}")
    # ms-swift takes a last answer off: it is what the model is to write.
    while roles and roles[-1] == "assistant":
        roles.pop()
    if "user" not in roles:
        raise BadConversationError(ConversationFault.NO_USER, "no user message")
    if roles[-1] == "system":
        raise BadConversationError(ConversationFault.NO_USER, "it ends with a system message")


_NEXT = object()
"""A tag that takes the next image of the column."""


def _text_and_slots(message: Message) -> tuple[str, list[object]]:
    """A message's text, and where the image of each of its tags comes from."""
    role, content = message.get("role"), plain(message.get("content"))
    if isinstance(content, Mapping):
        if role in _TOOL_ROLES and "type" not in content:
            return leaf_text(content), []  # a tool's call, which ms-swift writes as JSON too
        content = [content]
    if isinstance(content, str):
        return valid_text(content), [_NEXT] * content.count(IMAGE_TAG)
    if not isinstance(content, list | tuple):
        raise BadConversationError(
            ConversationFault.NO_CONTENT, f"a message of role {role!r} without content"
        )
    parts = [_part(part) for part in content]
    return "".join(text for text, _ in parts), [slot for _, slots in parts for slot in slots]


def _part(given: object) -> tuple[str, list[object]]:
    try:
        part = read_part(given)
    except NoTextError as error:
        raise BadConversationError(ConversationFault.NO_CONTENT, str(error)) from None
    except ContentPartError as error:
        raise BadConversationError(ConversationFault.UNREADABLE, str(error)) from None
    if part.tag is None:
        return valid_text(part.text), [_NEXT] * part.text.count(IMAGE_TAG)
    if part.tag != IMAGE_TAG:
        reason = neither_text_nor_image(part.tag.strip("<>"))
        raise BadConversationError(ConversationFault.UNREADABLE, reason)
    return part.text, [_NEXT if part.image is None else part.image]


def _placed(slots: Sequence[object], column: Sequence[object]) -> tuple[list[object], list[object]]:
    """An image for each tag, and those of the column that no tag asks for.

    Raises ValueError where that is not clear.
    """
    waiting = list(column)
    own = [slot for slot in slots if slot is not _NEXT]
    if len(slots) - len(own) > len(waiting):
        number = len(own) + len(waiting)
        raise ValueError(
            f"{counted(len(slots), f'{IMAGE_TAG} tag')} for {counted(number, 'image')}"
        )
    placed = [waiting.pop(0) if slot is _NEXT else slot for slot in slots]
    if own and waiting and not _are_the_same(own, waiting):
        number = len(waiting)
        raise ValueError(
            f"{counted(len(own), 'image')} in the messages and {number} more in the column"
        )
    return placed, [] if own else waiting


def _are_the_same(own: Sequence[object], column: Sequence[object]) -> bool:
    """Whether a row names its images twice, in parts and in the column."""
    try:
        return [as_entry(image) for image in own] == [as_entry(image) for image in column]
    except BadImageError:
        return False

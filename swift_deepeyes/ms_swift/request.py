"""A rollout request as our own types: what the model sees, and what the row says.

Requests carry what users put into their files, so nothing here raises: columns may be absent, None
or of another type, and content may be text, a list of OpenAI's parts, or None.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from swift_deepeyes.dataset.content_parts import ContentPartError, read_part
from swift_deepeyes.episode.messages import RESPONSE_OPEN
from swift_deepeyes.ms_swift.compat import render_prompt
from swift_deepeyes.ms_swift.rendered import RenderedPrompt
from swift_deepeyes.once import warn_once

logger = logging.getLogger(__name__)

Message = Mapping[str, Any]
_SAID: Message = {"role": "assistant", "content": ""}
_HEARD: Message = {"role": "user", "content": ""}
_BLANK: Mapping[str, Message] = {
    "assistant": _SAID,
    "tool_call": _SAID,
    "tool": _HEARD,
    "tool_response": _HEARD,
}
"""What stands for the turns of an example."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A row's prompt, without a response at its end; contents are text or token ids."""

    messages: tuple[Message, ...]
    images: tuple[str, ...]
    tools: Any
    options: Mapping[str, Any]
    env_name: object

    @property
    def question(self) -> str:
        """The text of the last user message: the ones before it may be examples."""
        texts = [_text(m) for m in self.messages if m.get("role") == "user"]
        return texts[-1] if texts else ""

    def render(self, template: Any) -> RenderedPrompt:
        """The whole prompt as the model reads it."""
        try:
            return render_prompt(template, self.messages, self.tools, self.options)
        except Exception as error:
            # The engine's own rendering did not raise, or there would be no turn to look at.
            message = (
                f"A prompt could not be rendered as the model reads it ({type(error).__name__}: "
                f"{str(error)[:200]}). Its texts are read instead: what the template adds, such as "
                "a default system prompt, is neither counted nor searched for tools."
            )
            warn_once(logger, f"unrendered prompt: {type(error).__name__}", message)
        tools = json.dumps(self.tools, default=str) if self.tools else ""
        return RenderedPrompt((*map(_text, self.messages), tools))

    def announcement(self, template: Any) -> str:
        """What tells the model of its tools: system prompt, `tools`, user texts; not examples."""
        messages = tuple(_BLANK.get(str(m.get("role")), m) for m in self.messages)
        asked = Prompt(messages, self.images, self.tools, self.options, self.env_name)
        return asked.render(template).text


def read_prompt(request: Any) -> Prompt:
    """The prompt of a request in which the model may just have written its first turn."""
    messages = [m for m in request.messages or () if isinstance(m, Mapping)]
    while messages and messages[-1].get("role") == "assistant":
        messages.pop()
    given = request.images or ()
    texts, in_messages = without_parts(messages)
    row = as_mapping(request.data_dict)
    return Prompt(
        messages=tuple(texts),
        images=(given,) if isinstance(given, str) else tuple(given or in_messages),
        tools=getattr(request, "tools", None) or row.get("tools"),
        # Before 4.3 a row cannot have options of its own.
        options=row_options(getattr(request, "chat_template_kwargs", None)),
        env_name=row.get("env_name"),
    )


def row_options(value: object) -> dict[str, Any]:
    """A row's `chat_template_kwargs`; what is None there is what Arrow fills in for "absent"."""
    return {str(name): of for name, of in as_mapping(value).items() if of is not None}


def without_parts(messages: Iterable[Message]) -> tuple[list[dict[str, Any]], list[str]]:
    """Messages with parts as text and media tags, as ms-swift does; and the parts' images."""
    images: list[str] = []
    texts = [{**message, "content": _content(message, images.append)} for message in messages]
    return texts, images


def has_parts(messages: Iterable[Message]) -> bool:
    """Whether a message's content is a list of parts."""
    contents = (message.get("content") for message in messages)
    return any(isinstance(content, list) and not _is_ids(content) for content in contents)


def is_continued(messages: Sequence[Message]) -> bool:
    """Whether this is a later turn: the conversation ends with an observation of ours."""
    content = messages[-1].get("content") if messages else None
    return isinstance(content, str) and content.startswith(RESPONSE_OPEN)


def _content(message: Message, keep_image: Callable[[str], None]) -> Any:
    content = message.get("content")
    if content is None:
        return ""
    if not isinstance(content, list) or _is_ids(content):
        return content
    return "".join(_part(part, keep_image) for part in content)


def _is_ids(content: Sequence[object]) -> bool:
    """A turn of the model's own, as token ids."""
    return bool(content) and isinstance(content[0], int)


def _part(given: object, keep_image: Callable[[str], None]) -> str:
    try:
        part = read_part(given)
    except ContentPartError:
        return ""
    if isinstance(part.image, str):
        keep_image(part.image)
    return part.text


def _text(message: Message) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def as_mapping(value: object) -> Mapping[str, Any]:
    """A mapping, also where it came as JSON; empty for anything else."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value)
    return value if isinstance(value, Mapping) else {}

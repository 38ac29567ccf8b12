"""What a server wrote in one chat completion, and why that may not be what the model wrote.

A server may take parts out of the model's text before it is sent: vLLM's tool parser turns a call
into `tool_calls`, its reasoning parser a thought into `reasoning_content` (`reasoning` since 0.11).
What is left is not what the model wrote, and scored as if it were it would be a wrong answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from swift_deepeyes.chat.failures import Cause, FailedCallError, message_in, shorten
from swift_deepeyes.frozen import valid_text

_CALL_TAG = "<tool_call>"


class Finish(StrEnum):
    """How a reply ended; a missing or unknown reason is taken for the model's own end."""

    STOPPED = "stopped"
    TRUNCATED = "truncated"
    FILTERED = "filtered"
    CALLED = "called"
    ABORTED = "aborted"


_FINISHES = {
    **dict.fromkeys(("length", "max_tokens", "model_length"), Finish.TRUNCATED),
    **dict.fromkeys(
        ("abort", "aborted", "cancelled", "error", "insufficient_system_resource"), Finish.ABORTED
    ),
    **dict.fromkeys(("tool_calls", "function_call"), Finish.CALLED),
    "content_filter": Finish.FILTERED,
}
_TEXT_PARTS = frozenset({"text", "output_text"})


class Loss(StrEnum):
    """What took the model's text, or a part of it, and what to do against it."""

    FILTERED = "the server's content filter cut the reply (finish_reason)"
    TOOL_PARSER = (
        "the server's tool parser took the model's call out of the text (tool_calls): start it "
        "without --enable-auto-tool-choice and --tool-call-parser"
    )
    REASONING_PARSER = (
        "the server's reasoning parser took the whole text (reasoning_content): start it without "
        "--reasoning-parser"
    )
    REFUSAL = "the server sent a refusal in place of the model's text"
    NO_TEXT = "the server sent no text (content null)"
    OTHER_TYPE = "the server sent content of another type than text"


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. Token counts are None where the server names none; `seconds` is the latency.

    `content` is what stands there, `text` what the model wrote: a thought that a reasoning parser
    had taken out is put back in front of it. `loss`: why `text` is not what the model wrote.
    """

    content: str
    finish: Finish = Finish.STOPPED
    thought: str = ""
    loss: Loss | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The model's text, its thought included."""
        if not self.thought:
            return self.content
        if self.content.strip():
            return f"<think>{self.thought}</think>{self.content}"
        return f"<think>{self.thought}"

    @property
    def is_complete(self) -> bool:
        """It ended by itself: what was cut may have been about to say the opposite."""
        return self.finish is Finish.STOPPED

    @property
    def truncated(self) -> bool:
        """Whether it was cut at its length."""
        return self.finish is Finish.TRUNCATED

    @property
    def thought_restored(self) -> bool:
        """Whether a reasoning parser had taken the thought out, and it was put back."""
        return bool(self.thought)


def parse_reply(data: bytes, seconds: float = 0.0) -> Reply:
    """Read the body of a chat completion. Raises `FailedCallError` for what is none."""
    body = parse_json(data)
    choices = body.get("choices")
    if body.get("error") and not choices:
        detail = f"an error under HTTP 200: {shorten(message_in(data))}"
        raise FailedCallError(Cause.SERVER_ERROR, detail)
    if choices == []:
        raise FailedCallError(Cause.NO_CHOICES, "a reply without choices")
    choice = choices[0] if isinstance(choices, list) else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise FailedCallError(Cause.BAD_BODY, f"a reply without a message: {shorten(_start(data))}")
    reason = choice.get("finish_reason")
    finish = _FINISHES.get(str(reason).lower(), Finish.STOPPED)
    text = _text(message.get("content"))
    thought = _text(message.get("reasoning_content")) or _text(message.get("reasoning")) or ""
    usage = body.get("usage")
    return Reply(
        content=valid_text(text or ""),
        finish=finish,
        thought=valid_text(thought),
        loss=_loss(message, finish, text, thought),
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        seconds=seconds,
    )


def _loss(
    message: Mapping[str, Any], finish: Finish, text: str | None, thought: str
) -> Loss | None:
    if finish is Finish.FILTERED:
        return Loss.FILTERED
    is_call = message.get("tool_calls") or message.get("function_call")
    # `swift deploy` lists a call and leaves it in the text as well: then nothing is lost.
    is_taken = is_call and _CALL_TAG not in (text or "")
    if is_taken or (finish is Finish.CALLED and not text):
        return Loss.TOOL_PARSER
    if not isinstance(message.get("content"), str | list | None):
        return Loss.OTHER_TYPE
    if finish is Finish.TRUNCATED:
        return None  # nothing, or a thought alone, is what it came to
    if thought:
        return None if text and text.strip() else Loss.REASONING_PARSER
    if text is None:
        return Loss.REFUSAL if message.get("refusal") else Loss.NO_TEXT
    return None


def parse_json(data: bytes) -> dict[str, Any]:
    """A body that must be a JSON object. Raises `FailedCallError`."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        start = _start(data)
        what = "a stream of events" if start.startswith(("data:", "event:")) else "not JSON"
        raise FailedCallError(Cause.BAD_BODY, f"{what}: {shorten(start) or 'nothing'}") from None
    if not isinstance(content, dict):
        raise FailedCallError(Cause.BAD_BODY, f"no JSON object: {shorten(_start(data))}")
    return content


def _text(content: object) -> str | None:
    """A message's content: text, or the joined text of its parts. None: there is none."""
    if isinstance(content, list) and content:
        return "".join(map(_part, content))
    return content if isinstance(content, str) else None


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and part.get("type", "text") in _TEXT_PARTS:
        text = part.get("text")
        return text if isinstance(text, str) else ""
    return ""


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None


def _start(data: bytes) -> str:
    return data[:1000].decode("utf-8", "replace").lstrip()

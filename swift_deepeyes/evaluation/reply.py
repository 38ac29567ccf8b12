"""One turn out of a chat completion's body: what the model wrote, or why that is not there.

A server may take parts out of the model's text before it is sent: vLLM's tool parser turns a call
into `tool_calls`, its reasoning parser a thought into `reasoning_content` (`reasoning` since 0.11).
What is left is not what the model wrote, and scored as if it were it would be a wrong answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from swift_deepeyes.evaluation.failures import (
    Cause,
    FailedCallError,
    UnusableReplyError,
    message_in,
    shorten,
)
from swift_deepeyes.frozen import FrozenModel

_TRUNCATED = frozenset({"length", "max_tokens", "model_length"})
_BROKEN_OFF = frozenset({"abort", "aborted", "cancelled", "error", "insufficient_system_resource"})
_FILTERED = "content_filter"
_CALLED = frozenset({"tool_calls", "function_call"})
_TEXT_PARTS = frozenset({"text", "output_text"})

TOOL_PARSER = (
    "the server's tool parser took the model's call out of the text (tool_calls): start it without "
    "--enable-auto-tool-choice and --tool-call-parser"
)
REASONING_PARSER = (
    "the server's reasoning parser took the whole text (reasoning_content): start it without "
    "--reasoning-parser"
)


class Reply(FrozenModel):
    """One turn as the model wrote it. Token counts are None where the server does not tell.

    `thought_restored`: a reasoning parser had taken the thought out, and it was put back.
    """

    text: str
    truncated: bool
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    thought_restored: bool = False


def parse_reply(data: bytes) -> Reply:
    """Read the body of a chat completion.

    Raises `FailedCallError` for what another try may mend, `UnusableReplyError` for what none will.
    """
    content = parse_json(data)
    if content.get("error") and not content.get("choices"):
        detail = f"an error under HTTP 200: {shorten(message_in(data))}"
        raise FailedCallError(Cause.SERVER_ERROR, detail)
    choices = content.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise FailedCallError(Cause.BAD_BODY, f"a reply without a message: {shorten(_start(data))}")
    finish = str(choice.get("finish_reason"))
    text, restored = _written(message, finish)
    usage = content.get("usage")
    return Reply(
        text=valid_text(text),
        truncated=finish in _TRUNCATED,
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        thought_restored=restored,
    )


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


def _written(message: Mapping[str, Any], finish: str) -> tuple[str, bool]:
    """The model's text, and whether its thought had to be put back."""
    if finish in _BROKEN_OFF:
        raise FailedCallError(Cause.ABORTED, f"finish_reason {finish}")
    if finish == _FILTERED:
        raise UnusableReplyError("the server's content filter cut the reply (finish_reason)")
    text = _text(message.get("content"))
    thought = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    if (
        message.get("tool_calls")
        or message.get("function_call")
        or (finish in _CALLED and not text)
    ):
        raise UnusableReplyError(TOOL_PARSER)
    if thought:
        return _with_thought(thought, text, finish in _TRUNCATED), True
    if text is None:
        refusal = _text(message.get("refusal"))
        if refusal:
            raise UnusableReplyError("the server sent a refusal in place of the model's text")
        if finish not in _TRUNCATED:
            raise UnusableReplyError("the server sent no text (content null)")
    return text or "", False


def _with_thought(thought: str, text: str | None, is_truncated: bool) -> str:
    """What a reasoning parser took apart; a thought alone is the model's only if it was cut."""
    if text and text.strip():
        return f"<think>{thought}</think>{text}"
    if is_truncated:
        return f"<think>{thought}"
    raise UnusableReplyError(REASONING_PARSER)


def _text(content: object) -> str | None:
    """A message's content: text, or the joined text of its parts. None: there is none."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(map(_part, content)) if content else None
    raise FailedCallError(Cause.BAD_BODY, f"content of the type {type(content).__name__}")


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and part.get("type", "text") in _TEXT_PARTS:
        text = part.get("text")
        return text if isinstance(text, str) else ""
    return ""


def valid_text(text: str) -> str:
    """The text with lone surrogates replaced: no tokenizer writes one, and UTF-8 has none."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None


def _start(data: bytes) -> str:
    return data[:1000].decode("utf-8", "replace").lstrip()

"""One call to a chat server: request in, reply or a named failure out. No retries here.

Plain aiohttp and not the openai package: opening `AsyncOpenAI` costs 20 to 40 ms per batch and each
of its calls 1.6 to 2.4 ms of CPU time (measured, 64 calls at once), aiohttp's 0.3 ms. 64 questions
to a server that needs 50 ms would take 180 ms instead of 75. The retries are not the openai
package's either: a question moves to another server after a failure, every failure is counted, and
a judge that is away must not use them up.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from swift_deepeyes.judge.address import Address
from swift_deepeyes.judge.errors import (
    CallFailedError,
    FailureKind,
    RequestRefusedError,
    WrongServerError,
)
from swift_deepeyes.judge.guidance import Guidance, guided_fields
from swift_deepeyes.judge.identity import shorten
from swift_deepeyes.judge.prompt import build_prompt
from swift_deepeyes.scoring.verdict import JudgeQuestion

# Room for a judge that reasons before it answers. Guided decoding ends a reply by itself; a server
# that ignores its fields must not be cut in the middle of a sentence that says "correct".
REPLY_TOKENS = 1024
SECOND_TEMPERATURE = 0.7  # asked again at 0, it would only say the same again
LONGEST_RETRY_AFTER = 60.0  # seconds; a longer wish is answered by asking again after this

# What a reply that ended by itself does not say; a missing reason is taken for a good one.
CUT_SHORT = frozenset({"length", "max_tokens", "content_filter", "abort", "error", "tool_calls"})
# `swift deploy` says 400 to everything, also to what others call 401 and 404.
SWIFT_WRONG_MODEL, SWIFT_WRONG_KEY = "is not in the model_list", "API key error"


@dataclass(frozen=True)
class Reply:
    """What a server answered; `seconds` is the call's latency.

    `is_complete`: it ended by itself. What was cut may be about to say the opposite.
    """

    text: str
    seconds: float
    is_complete: bool = True
    prompt_tokens: int = 0
    completion_tokens: int = 0


def request_body(
    question: JudgeQuestion, model: str, guidance: Guidance, attempt: int
) -> dict[str, Any]:
    """The chat request; `attempt` 0 is the first time that this question is asked."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": build_prompt(question)}],
        "temperature": SECOND_TEMPERATURE if attempt else 0,
        "seed": attempt,
        "max_tokens": REPLY_TOKENS,
        **guided_fields(guidance, question.kind),
    }


async def call(
    session: aiohttp.ClientSession, address: Address, body: dict[str, Any], timeout_seconds: float
) -> Reply:
    """Ask one server once.

    Raises `CallFailedError`, `RequestRefusedError` or `WrongServerError`, and nothing else that the
    network can cause.
    """
    started = time.perf_counter()
    try:
        async with session.post(
            f"{address.url}/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **address.headers},
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            allow_redirects=False,
        ) as response:
            data = await response.read()
            if response.status != 200:
                raise _error(response, data)
    except TimeoutError:
        detail = f"no reply within {timeout_seconds:g} s"
        raise CallFailedError(FailureKind.TIMEOUT, detail) from None
    except aiohttp.ClientPayloadError as error:
        raise CallFailedError(FailureKind.BAD_BODY, str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        detail = shorten(str(error)) or type(error).__name__
        raise CallFailedError(FailureKind.CONNECTION, detail) from error
    return _read(data, time.perf_counter() - started)


def _error(
    response: aiohttp.ClientResponse, data: bytes
) -> CallFailedError | RequestRefusedError | WrongServerError:
    status = response.status
    text = shorten(data.decode("utf-8", "replace"))
    detail = f"HTTP {status}: {text}"
    if status in (401, 403) or SWIFT_WRONG_MODEL in text or SWIFT_WRONG_KEY in text:
        return WrongServerError(detail, is_final=True)
    if status in (404, 405) or 300 <= status < 400:
        return WrongServerError(detail, is_final=False)
    retry_after = read_retry_after(response.headers.get("Retry-After"))
    if status == 429 or (status == 503 and retry_after is not None):
        return CallFailedError(FailureKind.RATE_LIMIT, detail, retry_after)
    if status in (408, 409, 425) or status >= 500:
        return CallFailedError(FailureKind.SERVER_ERROR, detail)
    return RequestRefusedError(detail)


def read_retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header, which is a number or a date; None if it is neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    if seconds != seconds:  # "nan" is a float to Python
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _read(data: bytes, seconds: float) -> Reply:
    try:
        parsed = json.loads(data)
        choices = parsed["choices"]
    except (ValueError, KeyError, TypeError):
        detail = shorten(data[:1000].decode("utf-8", "replace"))
        raise CallFailedError(FailureKind.BAD_BODY, detail) from None
    if not isinstance(choices, list) or not choices:
        raise CallFailedError(FailureKind.NO_CHOICES, "a reply without choices")
    message = choices[0].get("message") if isinstance(choices[0], dict) else None
    if not isinstance(message, dict):
        raise CallFailedError(FailureKind.BAD_BODY, "a choice without a message")
    usage = parsed.get("usage")
    return Reply(
        text=_text(message.get("content")),
        seconds=seconds,
        is_complete=str(choices[0].get("finish_reason")).lower() not in CUT_SHORT,
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
    )


def _text(content: object) -> str:
    """A content's text, parts joined; empty (unreadable) for none.

    There is none where a reasoning parser ran out of tokens, a tool parser took the reply for a
    call, or the model refused: what stands in those fields is no verdict.
    """
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) else 0

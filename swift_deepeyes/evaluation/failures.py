"""What can go wrong between the evaluation and its server, and what to do about each.

Three errors leave this room: a server that may answer another time (`ServerFailedError`), one that
understood and refuses (`ServerRefusedError`), and a reply that is not the model's text
(`UnusableReplyError`). None of them is ever an answer.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from enum import StrEnum

import httpx

from swift_deepeyes.chat.proxy import without_password
from swift_deepeyes.errors import DeepEyesError


class Cause(StrEnum):
    """Why there is no reply; statuses beside these are counted as `http_<status>`."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    NO_LISTENER = "no_listener"
    NO_NAME = "no_name"
    CERTIFICATE = "certificate"
    TLS = "tls"
    PROXY = "proxy"
    KEY = "key"
    PATH = "path"
    MODEL = "model"
    REDIRECT = "redirect"
    RATE = "rate"
    SERVER_ERROR = "server_error"
    TOO_LONG = "too_long"
    REFUSED = "refused"
    BAD_BODY = "bad_body"
    NO_MODELS = "no_models"
    ABORTED = "aborted"


_FIXES = {
    Cause.TIMEOUT: "It did not answer in time: raise --timeout, or lower --concurrency.",
    Cause.CONNECTION: "The connection was lost: look at the server's own log.",
    Cause.NO_LISTENER: "Nothing listens there: start the server, or mend host and port.",
    Cause.NO_NAME: "The host's name is not known here: mend --base-url.",
    Cause.CERTIFICATE: (
        "Its certificate is not trusted here: set SSL_CERT_FILE to a bundle that holds its CA."
    ),
    Cause.TLS: "It does not speak TLS: is it http:// instead of https://?",
    Cause.PROXY: (
        "It is the proxy of the environment that fails: mend http_proxy/https_proxy/all_proxy, or "
        "add the host to no_proxy."
    ),
    Cause.KEY: "It refuses the key: state --api-key, or OPENAI_API_KEY.",
    Cause.PATH: "There is nothing under this path: {path_hint}",
    Cause.MODEL: "It does not serve that model: state --model.",
    Cause.REDIRECT: "It sends elsewhere: use that address as --base-url.",
    Cause.RATE: "It is asked too often: lower --concurrency.",
    Cause.SERVER_ERROR: (
        "It answers with an error of its own: look at its log; it may still be loading."
    ),
    Cause.TOO_LONG: "State --max-context: the server's --max-model-len.",
    Cause.REFUSED: "",
    Cause.BAD_BODY: "That is no reply of an OpenAI-compatible server: look at the server's log.",
    Cause.NO_MODELS: "That is no model list: {path_hint}",
    Cause.ABORTED: "The server broke the generation off: look at its log.",
}
_FINAL = frozenset(
    {Cause.CERTIFICATE, Cause.TLS, Cause.KEY, Cause.PATH, Cause.MODEL, Cause.NO_MODELS}
)
_PASSING_STATUSES = frozenset({408, 409, 425, 429})

# What servers say under 400, or 404, about the key and the model (ms-swift, vLLM, SGLang).
_WRONG_KEY = re.compile(r"API key error|invalid api key|incorrect api key", re.IGNORECASE)
_WRONG_MODEL = re.compile(
    r"not in the model_list|model .{0,200}(does not exist|not found)", re.IGNORECASE
)
_CONTEXT = re.compile(
    r"(?:maximum (?:context|model) length|context length|max_model_len)\D{0,24}(\d+)", re.IGNORECASE
)
_SPEAKS_OF_CONTEXT = re.compile(r"context|model length|max_tokens|too long", re.IGNORECASE)
_IMAGES = re.compile(r"at most (\d+) image", re.IGNORECASE)


class ServerFailedError(DeepEyesError):
    """No usable reply after all tries; another time it may work."""


class ServerRefusedError(DeepEyesError):
    """The server understood and refuses: asking the same again is no use.

    `max_context` (tokens) and `max_images` (per prompt) are set where it names such a limit.
    """

    def __init__(
        self, message: str, *, max_context: int | None = None, max_images: int | None = None
    ) -> None:
        super().__init__(message)
        self.max_context = max_context
        self.max_images = max_images


class UnusableReplyError(DeepEyesError):
    """A reply that does not hold what the model wrote; the message says what took it."""


class FailedCallError(Exception):
    """One call without a reply. `is_final`: another try would end the same way."""

    def __init__(
        self, cause: Cause, detail: str, *, status: int | None = None, retry_after: float = 0.0
    ) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.status = status
        self.retry_after = retry_after

    @property
    def kind(self) -> str:
        """The name under which it is counted."""
        return str(self.cause) if self.status is None else f"http_{self.status}"

    @property
    def is_final(self) -> bool:
        """Whether another try is no use."""
        if self.cause in _FINAL:
            return True
        status = self.status
        return status is not None and status < 500 and status not in _PASSING_STATUSES

    def told(self, base_url: str) -> str:
        """What happened and what to do, in one line."""
        path_hint = (
            "is it an OpenAI-compatible chat server? `swift rollout` is none."
            if base_url.endswith("/v1")
            else "does --base-url end with /v1?"
        )
        return f"{self.detail}. {_FIXES[self.cause].format(path_hint=path_hint)}".strip()

    def refusal(self, base_url: str) -> ServerRefusedError:
        """The same, as the error that ends a trial, with the limits that it names."""
        return ServerRefusedError(
            self.told(base_url),
            max_context=_number(_CONTEXT, self.detail),
            max_images=_number(_IMAGES, self.detail),
        )


def failure_of_status(
    status: int, data: bytes, headers: httpx.Headers, proxy: str | None
) -> FailedCallError:
    """A reply that is no 200, named. `proxy`: the one that it came through."""
    text = shorten(message_in(data))
    detail = f"HTTP {status}: {text}" if text else f"HTTP {status}"
    if 300 <= status < 400:
        detail = f"HTTP {status} to {without_password(headers.get('Location', '?'))}"
    return FailedCallError(
        _cause_of_status(status, text, proxy is not None),
        detail + _through(proxy),
        status=status,
        retry_after=_retry_after(headers),
    )


def _cause_of_status(status: int, text: str, through_proxy: bool) -> Cause:
    if status == 407 or (through_proxy and status in (502, 504)):
        return Cause.PROXY
    if status in (401, 403) or _WRONG_KEY.search(text):
        return Cause.KEY
    if _WRONG_MODEL.search(text):
        return Cause.MODEL
    if status in (404, 405):
        return Cause.PATH
    if 300 <= status < 400:
        return Cause.REDIRECT
    if status == 429:
        return Cause.RATE
    if status >= 500:
        return Cause.SERVER_ERROR
    return Cause.TOO_LONG if _SPEAKS_OF_CONTEXT.search(text) else Cause.REFUSED


def failure_of_transport(error: Exception, proxy: str | None) -> FailedCallError:
    """A connection that was not made, or was lost, named. `proxy`: the one on the way."""
    detail = shorten(str(error) or type(error).__name__)
    return FailedCallError(_cause_of_transport(error, proxy is not None), detail + _through(proxy))


def _through(proxy: str | None) -> str:
    return "" if proxy is None else f" (through the proxy {without_password(proxy)})"


def _cause_of_transport(error: Exception, through_proxy: bool) -> Cause:
    reasons = list(_chain(error))
    if any(isinstance(reason, ssl.SSLCertVerificationError) for reason in reasons):
        return Cause.CERTIFICATE
    if any(isinstance(reason, httpx.ProxyError) for reason in reasons):
        return Cause.PROXY
    if through_proxy and isinstance(error, httpx.ConnectError):
        return Cause.PROXY
    if any(isinstance(reason, socket.gaierror) for reason in reasons):
        return Cause.NO_NAME
    if any(isinstance(reason, ssl.SSLError) for reason in reasons):
        return Cause.TLS
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return Cause.TIMEOUT
    return Cause.NO_LISTENER if isinstance(error, httpx.ConnectError) else Cause.CONNECTION


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised from, through groups: several addresses may be tried."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def message_in(data: bytes) -> str:
    """The words of an error's body: its `message` where it is JSON, else the text itself."""
    text = data[:100_000].decode("utf-8", "replace")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return text
    error = content.get("error", content) if isinstance(content, dict) else content
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else text


def shorten(text: str, limit: int = 300) -> str:
    """One line of at most `limit` characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _retry_after(headers: httpx.Headers) -> float:
    """Seconds that the server asks to wait; 0: it does not say."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return 0.0
    return seconds if seconds > 0 else 0.0


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return int(match[1]) if match else None

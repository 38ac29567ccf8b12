"""How one call to a chat server ends without a reply, and what to do about each cause.

Only rooms that make calls see these: the judge decides whether a failure means another try, another
server or the end of the run, the evaluation how often it tries. What a user reads is an error of
theirs, with `FailedCallError.explained` in it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from socket import gaierror
from ssl import SSLCertVerificationError, SSLError

import aiohttp

from swift_deepeyes.chat.address import Address
from swift_deepeyes.proxy import without_password
from swift_deepeyes.secret import hide_secrets

LONGEST_RETRY_AFTER = 60.0  # seconds; a longer wish is answered by asking again after this


class Cause(StrEnum):
    """Why there is no reply."""

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
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    TOO_LONG = "too_long"
    REFUSED = "refused"
    BAD_BODY = "bad_body"
    NO_CHOICES = "no_choices"
    NO_MODELS = "no_models"
    ABORTED = "aborted"


_NO_REPLY = "That is no reply of an OpenAI-compatible server: look at the server's log."
_FIXES = {
    Cause.TIMEOUT: "It did not answer in time: raise {timeout}, or lower {concurrency}.",
    Cause.CONNECTION: "The connection was lost: look at the server's own log.",
    Cause.NO_LISTENER: "Nothing listens there: start the server, or mend host and port.",
    Cause.NO_NAME: "The host's name is not known here: mend {url}.",
    Cause.CERTIFICATE: (
        "Its certificate is not trusted here: set SSL_CERT_FILE to a bundle that holds its CA."
    ),
    Cause.TLS: "It does not speak TLS: is it http:// instead of https://?",
    Cause.PROXY: (
        "It is the proxy of the environment that fails: mend http_proxy/https_proxy/all_proxy, or "
        "add the host to no_proxy."
    ),
    Cause.KEY: "Authentication failed, it refuses the key: state {key}.",
    Cause.PATH: "There is nothing under this path: {path_hint}",
    Cause.MODEL: "It does not serve that model: state {model}.",
    Cause.REDIRECT: "It sends elsewhere: use that address as {url}.",
    Cause.RATE_LIMIT: "It is asked too often: lower {concurrency}.",
    Cause.SERVER_ERROR: (
        "It answers with an error of its own: look at its log; it may still be loading."
    ),
    Cause.TOO_LONG: "State {context}: the server's --max-model-len.",
    Cause.REFUSED: "",
    Cause.BAD_BODY: _NO_REPLY,
    Cause.NO_CHOICES: _NO_REPLY,
    Cause.NO_MODELS: "That is no model list: {path_hint}",
    Cause.ABORTED: "The server broke the generation off: look at its log.",
}
_FORBIDDEN = "It knows the key, which may not do this: allow it there, or state {key}."
_FINAL = frozenset(
    {Cause.CERTIFICATE, Cause.TLS, Cause.KEY, Cause.PATH, Cause.MODEL, Cause.NO_MODELS}
)
_PASSING_STATUSES = frozenset({408, 409, 425, 429})

# What servers say under 400, or 404, about the key and the model (ms-swift, vLLM, SGLang).
_WRONG_KEY = re.compile(r"API key error|invalid api key|incorrect api key", re.IGNORECASE)
_WRONG_MODEL = re.compile(
    r"not in the model_list|model .{0,200}(does not exist|not found)", re.IGNORECASE
)
_SPEAKS_OF_CONTEXT = re.compile(r"context|model length|max_tokens|too long", re.IGNORECASE)


@dataclass(frozen=True)
class SettingNames:
    """What a user sets about a server, as messages name it."""

    url: str
    key: str
    model: str
    timeout: str
    concurrency: str
    context: str = "the context's length"
    server: str = "server"  # what it is to the user
    start: str = "Start it"  # how it is started
    without: str = ""  # how to do without one


class FailedCallError(Exception):
    """One call without a reply, for a reason that may pass unless `is_final`.

    `status` is the server's (None: it sent none), `retry_after` its own wish in seconds (None: it
    named none).
    """

    def __init__(
        self,
        cause: Cause,
        detail: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.status = status
        self.retry_after = retry_after

    @property
    def kind(self) -> str:
        """The cause, or the status that says more."""
        return str(self.cause) if self.status is None else f"http_{self.status}"

    @property
    def is_final(self) -> bool:
        """Whether the same server would say the same again."""
        if self.cause in _FINAL:
            return True
        status = self.status
        return status is not None and status < 500 and status not in _PASSING_STATUSES

    def explained(self, address: Address, names: SettingNames) -> str:
        """What happened and what to do, in one line."""
        path_hint = (
            "is it an OpenAI-compatible chat server? `swift rollout` is none."
            if address.ends_with_v1
            else f"does {names.url} end with /v1?"
        )
        is_forbidden = self.cause is Cause.KEY and self.status == 403
        fix = _FORBIDDEN if is_forbidden else _FIXES[self.cause]
        fix = fix.format(path_hint=path_hint, **vars(names))
        return f"{self.detail}. {fix}".strip()


class RequestRefusedError(FailedCallError):
    """The server understood the request and refuses it (400, 413, 422): asking again is no use."""


class WrongServerError(FailedCallError):
    """What listens there is no chat server (404, 405, a redirect) or none for us (key, model).

    `knows_us`: it understood and says no. The others are also what a gateway says for a server that
    is just being restarted.
    """

    @property
    def knows_us(self) -> bool:
        """Whether it is not merely a path that is missing for now."""
        return self.cause in (Cause.KEY, Cause.MODEL) and self.status not in (404, 405)


_WRONG_SERVER = frozenset({Cause.KEY, Cause.MODEL, Cause.PATH, Cause.REDIRECT})


def failure_of_status(
    status: int, data: bytes, headers: Mapping[str, str], proxy: str | None
) -> FailedCallError:
    """A reply that is no 200, named. `proxy`: the one that it came through."""
    text = shorten(message_in(data))
    detail = f"HTTP {status}: {text}" if text else f"HTTP {status}"
    if 300 <= status < 400:
        detail = f"HTTP {status} to {without_password(headers.get('Location', '?'))}"
    cause = _cause_of_status(status, text, proxy is not None)
    kind = FailedCallError
    if cause in _WRONG_SERVER or status == 407:
        kind = WrongServerError
    elif cause in (Cause.TOO_LONG, Cause.REFUSED):
        kind = RequestRefusedError
    retry_after = read_retry_after(headers.get("Retry-After"))
    return kind(cause, detail + _through(proxy), status=status, retry_after=retry_after)


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
        return Cause.RATE_LIMIT
    if status >= 500 or status in _PASSING_STATUSES:
        return Cause.SERVER_ERROR
    return Cause.TOO_LONG if _SPEAKS_OF_CONTEXT.search(text) else Cause.REFUSED


def failure_of_transport(error: Exception, proxy: str | None) -> FailedCallError:
    """A connection that was not made, or was lost, named. `proxy`: the one on the way."""
    detail = shorten(hide_secrets(str(error))) or type(error).__name__
    return FailedCallError(_cause_of_transport(error, proxy is not None), detail + _through(proxy))


def _through(proxy: str | None) -> str:
    return "" if proxy is None else f" (through the proxy {without_password(proxy)})"


def _cause_of_transport(error: Exception, through_proxy: bool) -> Cause:
    reasons = list(_chain(error))

    def is_by(*kinds: type[BaseException]) -> bool:
        return any(isinstance(reason, kinds) for reason in reasons)

    if is_by(aiohttp.ClientConnectorCertificateError, SSLCertVerificationError):
        return Cause.CERTIFICATE
    if is_by(aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError):
        return Cause.PROXY
    if through_proxy and is_by(aiohttp.ClientConnectorError):
        return Cause.PROXY
    if is_by(aiohttp.ClientConnectorDNSError, gaierror):
        return Cause.NO_NAME
    if is_by(SSLError):
        return Cause.TLS
    if is_by(TimeoutError):
        return Cause.TIMEOUT
    if is_by(aiohttp.ClientPayloadError):
        return Cause.BAD_BODY  # it broke off in the middle
    return Cause.NO_LISTENER if is_by(aiohttp.ClientConnectorError) else Cause.CONNECTION


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
    """One line of at most `limit` characters, for messages."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


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

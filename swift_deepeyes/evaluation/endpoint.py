"""The server under evaluation: one chat call with retries. A failure is never an answer.

Plain httpx: what a body holds has to be checked here in any case (`reply`), a broken one is asked
again, and every failed try is counted for the report.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

import httpx

from swift_deepeyes.chat.proxy import ProxySettingError, proxy_for, without_password
from swift_deepeyes.evaluation.config import Sampling
from swift_deepeyes.evaluation.failures import (
    Cause,
    FailedCallError,
    ServerFailedError,
    ServerRefusedError,
    UnusableReplyError,
    failure_of_status,
    failure_of_transport,
)
from swift_deepeyes.evaluation.reply import Reply, parse_json, parse_reply
from swift_deepeyes.evaluation.served_model import Listing, UnknownModelError

__all__ = [
    "Endpoint",
    "Messages",
    "Reply",
    "ServerFailedError",
    "ServerRefusedError",
    "UnusableReplyError",
]

T = TypeVar("T")
Messages = list[dict[str, Any]]

_LONGEST_PAUSE_SECONDS = 30.0
_MOST_BYTES = 64 * 2**20
"""Of a body. The longest reply that a server may write has some hundred kilobytes."""


class Endpoint:
    """An OpenAI-compatible server. Open it with `async with`; `failed_tries` counts by kind.

    `restored_thoughts`: turns whose thought a reasoning parser had taken out of the text. Raises
    `ServerFailedError` for an address, a key or a proxy that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str = "EMPTY",
        timeout_seconds: float = 600.0,
        retries: int = 5,
        first_pause_seconds: float = 1.0,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._shown_url = without_password(self._base_url)
        self._timeout = timeout_seconds
        self._retries = retries
        self._first_pause = first_pause_seconds
        self.failed_tries: Counter[str] = Counter()
        self.restored_thoughts = 0
        _check_address(self._base_url, api_key)
        try:
            self._proxy = proxy_for(self._base_url)
            transport = httpx.AsyncHTTPTransport(
                proxy=self._proxy, limits=httpx.Limits(max_connections=None)
            )
        except ProxySettingError as error:
            raise ServerFailedError(str(error)) from None
        except OSError as error:
            raise ServerFailedError(f"SSL_CERT_FILE or SSL_CERT_DIR: {error}") from error
        # A server without a key takes any, but no header may end in a space.
        headers = {
            "Authorization": f"Bearer {api_key.strip() or 'EMPTY'}",
            "Content-Type": "application/json",
        }
        # With a transport of our own, httpx reads no proxy from the environment.
        self._client = httpx.AsyncClient(
            headers=headers, timeout=timeout_seconds, transport=transport
        )

    async def __aenter__(self) -> Endpoint:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def find_model(self, name: str | None) -> Listing:
        """The model `name`, or the only one. Raises `ServerFailedError`, `UnknownModelError`."""
        try:
            known = await self._retrying(self._list_models)
        except (ServerFailedError, ServerRefusedError) as error:
            message = f"{self._shown_url} does not list its models: {error}"
            raise ServerFailedError(message) from error
        if name is None and len(known) == 1:
            return next(iter(known.values()))
        if name is None or name not in known:
            raise UnknownModelError(
                f"Say with --model which one: {', '.join(known) or 'none listed'}."
            )
        return known[name]

    async def complete(
        self, model: str, messages: Messages, sampling: Sampling, *, seed: int
    ) -> Reply:
        """The next turn. Raises `ServerFailedError` after the last try, or one of the others."""
        body = {
            "model": model,
            "messages": messages,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": seed,
        }
        reply = await self._retrying(lambda: self._ask(body))
        self.restored_thoughts += reply.thought_restored
        return reply

    async def _retrying(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until it succeeds, with growing pauses."""
        pause = self._first_pause
        for tries_left in range(self._retries, -1, -1):
            try:
                return await call()
            except FailedCallError as failure:
                if failure.is_final:
                    raise failure.refusal(self._base_url) from failure
                self.failed_tries[failure.kind] += 1
                if tries_left == 0:
                    raise ServerFailedError(
                        f"no reply after {self._retries + 1} tries, the last: "
                        f"{failure.told(self._base_url)}"
                    ) from failure
                await asyncio.sleep(min(failure.retry_after or pause, _LONGEST_PAUSE_SECONDS))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        raise AssertionError("the last try returns or raises")

    async def _list_models(self) -> dict[str, Listing]:
        data = await self._send("GET", "/models")
        try:
            listed = parse_json(data).get("data")
        except FailedCallError as failure:
            raise FailedCallError(Cause.NO_MODELS, failure.detail) from failure
        if not isinstance(listed, list):
            raise FailedCallError(Cause.NO_MODELS, "HTTP 200, without `data`")
        found = [_listing(entry) for entry in listed if isinstance(entry, dict)]
        return {listing.id: listing for listing in found if listing.id}

    async def _ask(self, body: dict[str, Any]) -> Reply:
        return parse_reply(await self._send("POST", "/chat/completions", body))

    async def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        """One request; returns the body of a 200. Raises `FailedCallError`."""
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream(method, self._base_url + path, content=content) as response,
            ):
                data = await _read(response)
        except TimeoutError:
            raise FailedCallError(Cause.TIMEOUT, f"no reply within {self._timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise failure_of_transport(error, self._proxy) from error
        if response.status_code != httpx.codes.OK:
            raise failure_of_status(response.status_code, data, response.headers, self._proxy)
        return data


async def _read(response: httpx.Response) -> bytes:
    """The whole body, as long as it is one that a server may send."""
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > _MOST_BYTES:
            raise FailedCallError(Cause.BAD_BODY, f"a body of more than {_MOST_BYTES >> 20} MB")
    return bytes(data)


def _listing(entry: dict[str, Any]) -> Listing:
    """One entry of a model list; of another type than vLLM's is as not told."""
    name, root, longest = (entry.get(key) for key in ("id", "root", "max_model_len"))
    is_length = isinstance(longest, int) and not isinstance(longest, bool) and longest > 0
    return Listing(
        id=name if isinstance(name, str) else "",
        root=root if isinstance(root, str) else None,
        max_model_len=longest if is_length else None,
    )


def _check_address(base_url: str, api_key: str) -> None:
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, ValueError) as error:
        shown = without_password(base_url)
        raise ServerFailedError(f"--base-url {shown} is no address: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        shown = without_password(base_url)
        raise ServerFailedError(
            f"--base-url {shown} is no address: it starts with http:// or https://, as in "
            "http://127.0.0.1:8000/v1"
        )
    if not (api_key.isascii() and api_key.isprintable()):
        raise ServerFailedError("--api-key (OPENAI_API_KEY) holds characters that no key has.")

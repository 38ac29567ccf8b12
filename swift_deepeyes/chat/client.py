"""One call to a chat server: request in, reply or a named failure out. No retries here.

aiohttp, by measurement (scripts/bench_chat.py, two shared cores, 64 and 96 calls at once to a
server that needs 50 ms; CPU time of a call and time of the batch, as multiples of bare aiohttp's):
httpx 5.0 to 8.6 and 3.5 to 5.3, the openai package 7.7 to 9.5 and 5.2 to 5.8, the same over its
`DefaultAioHttpClient` 5.2 and 3.5 to 4.1 (it builds httpx requests and pydantic replies in any
case). What a body holds has to be checked here anyway, since servers send what no type foresees;
and retries are the callers': the judge moves a question to another server, the evaluation counts
every failed try for its report.
"""

from __future__ import annotations

import json
import os
import ssl
import time
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any

import aiohttp
import certifi

from swift_deepeyes.chat.address import Address
from swift_deepeyes.chat.failures import (
    Cause,
    FailedCallError,
    failure_of_status,
    failure_of_transport,
)
from swift_deepeyes.chat.reply import Reply, parse_reply
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.proxy import ProxySettingError, proxy_for

MOST_BYTES = 64 * 2**20
"""Of a body. The longest reply that a server may write has some hundred kilobytes."""


class ClientSetupError(DeepEyesError):
    """No call can be made at all, whatever the server; the message names variable and fix."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back to a request, whatever its status."""

    status: int
    data: bytes
    headers: Any  # a case-insensitive mapping
    proxy: str | None  # that it came through

    @property
    def body(self) -> str:
        """The body as text."""
        return self.data.decode("utf-8", "replace")


class ChatClient:
    """Makes calls to any number of servers. Open it with `async with`, inside one event loop.

    Opening costs under a millisecond and no connection. Raises `ClientSetupError` for the
    certificates of the environment.
    """

    def __init__(self, api_key: str = "EMPTY") -> None:
        # A server without a key takes any, but no header may end in a space.
        self._headers = {"Authorization": f"Bearer {api_key.strip() or 'EMPTY'}"}
        self._session: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> ChatClient:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def complete(
        self, address: Address, body: dict[str, Any], timeout_seconds: float
    ) -> Reply:
        """One chat completion. Raises `FailedCallError`, and nothing else the network can cause."""
        started = time.perf_counter()
        answer = await self.send("POST", address, "/chat/completions", timeout_seconds, body)
        if answer.status != 200:
            raise failure_of_status(answer.status, answer.data, answer.headers, answer.proxy)
        return parse_reply(answer.data, time.perf_counter() - started)

    async def send(
        self,
        method: str,
        address: Address,
        path: str,
        timeout_seconds: float,
        body: dict[str, Any] | None = None,
    ) -> Answer:
        """One request, without following redirects. Raises `FailedCallError`."""
        assert self._session is not None, "open it with `async with`"
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        proxy: str | None = None
        try:
            proxy = _proxy_for(address.url)
            async with self._session.request(
                method,
                address.url + path,
                data=content,
                headers=headers | address.headers,
                timeout=aiohttp.ClientTimeout(total=timeout_seconds),
                allow_redirects=False,
                proxy=proxy,
                ssl=self._trust(address.url),
            ) as response:
                return Answer(response.status, await _read(response), response.headers, proxy)
        except ProxySettingError as error:
            raise FailedCallError(Cause.PROXY, str(error)) from None
        except TimeoutError:
            detail = f"no reply within {timeout_seconds:g} s"
            raise FailedCallError(Cause.TIMEOUT, detail) from None
        except (aiohttp.ClientError, OSError) as error:
            raise failure_of_transport(error, proxy) from error

    def _trust(self, url: str) -> ssl.SSLContext | bool:
        """Whose certificates are taken; reading them costs 20 ms, which http is spared."""
        if not url.startswith("https://"):
            return True
        if self._tls is None:
            self._tls = tls_context()
        return self._tls


def tls_context() -> ssl.SSLContext:
    """The authorities that SSL_CERT_FILE or SSL_CERT_DIR name, else the system's and Mozilla's.

    Raises `ClientSetupError` where they cannot be read.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    try:
        context = ssl.create_default_context(cafile=file or None, capath=folder or None)
    except OSError as error:
        raise ClientSetupError(f"SSL_CERT_FILE or SSL_CERT_DIR: {error}") from error
    if not (file or folder):
        context.load_verify_locations(certifi.where())
    return context


@lru_cache(maxsize=64)
def _cached_proxy(url: str, environment: tuple[str | None, ...]) -> str | None:
    return proxy_for(url)


_VARIABLES = tuple(
    spelling
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for spelling in (name, name.upper())
)


def _proxy_for(url: str) -> str | None:
    """`proxy_for`, worked out once as long as the environment says the same."""
    return _cached_proxy(url, tuple(map(os.environ.get, _VARIABLES)))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, as long as it is one that a server may send."""
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > MOST_BYTES:
            raise FailedCallError(Cause.BAD_BODY, f"a body of more than {MOST_BYTES >> 20} MB")
    return bytes(data)

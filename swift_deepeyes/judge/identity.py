"""What listens at a judge's URL, and what to do if it is not a judge.

Port mix-ups are the usual mistake (`swift rollout` and `swift deploy` both take the next free port
silently), so the answer names what is there, the setting and the fix.
"""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.judge.address import Address
from swift_deepeyes.secret import hide_secrets

SETTING = "DEEPEYES_JUDGE_BASE_URL"
IDENTIFY_SECONDS = 15.0
# Routes that ms-swift's rollout server has and a chat server has not (TRL's is the same kind).
ROLLOUT_ROUTES = frozenset({"/init_communicator/", "/update_named_param/"})
CHAT_ROUTE = "/v1/chat/completions"


class ServerKind(StrEnum):
    """What was found at a URL."""

    CHAT = "chat"  # a chat server: it lists models
    ROLLOUT = "rollout"  # `swift rollout` (or `trl vllm-serve`)
    WRONG_PATH = "wrong_path"  # a chat server, under another path
    UNAUTHORISED = "unauthorised"  # it wants another key
    PROXY = "proxy"  # the environment's proxy answers in its place
    CERTIFICATE = "certificate"  # https, and no trust in it
    ENCRYPTION = "encryption"  # http where https is spoken, or the other way round
    REDIRECT = "redirect"  # somewhere else, perhaps to a login
    UNREACHABLE = "unreachable"  # nothing listens, or not in time: it may come
    NOT_READY = "not_ready"  # something answers 429 or 5xx: it may come
    GARBLED = "garbled"  # 200, but no model list: broken once, or another kind of server
    OTHER = "other"  # a web server without the routes of a chat server


MAY_COME = frozenset({ServerKind.UNREACHABLE, ServerKind.NOT_READY, ServerKind.GARBLED})
"""Kinds that are worth waiting for."""


class ServerIdentity(FrozenModel):
    """What listens at `url`; `models` are the names a chat server lists."""

    url: str
    kind: ServerKind
    models: tuple[str, ...] = ()
    detail: str = ""  # status, body or error, shortened

    def problem(self) -> str:
        """What is there and what to set, in one or two sentences. Only for non-chat servers."""
        return f"{SETTING}: {self.url} " + _FIXES[self.kind].format(
            detail=f" ({self.detail})" if self.detail else "",
            setting=SETTING,
            root=_root(self.url),
            other=_other_scheme(self.url),
            path="" if urlsplit(self.url).path.endswith("/v1") else ", with the `/v1`",
        )


_KINDS = {
    401: ServerKind.UNAUTHORISED,
    403: ServerKind.UNAUTHORISED,
    407: ServerKind.PROXY,
    429: ServerKind.NOT_READY,
}
_FIXES = {
    ServerKind.CHAT: "is a chat server{detail}.",
    ServerKind.ROLLOUT: (
        "is ms-swift's rollout server, not a judge: it has no /v1/models. One of the two took the "
        "other's port. Start the judge with a fixed, free port (`swift deploy --port 18901`, "
        "scripts/deploy_judge.sh) and set {setting} to it."
    ),
    ServerKind.WRONG_PATH: (
        "is the wrong path of a chat server{detail}. Set {setting}={root}/v1 (with the `/v1`)."
    ),
    ServerKind.UNAUTHORISED: (
        "refuses our key{detail}. Set DEEPEYES_JUDGE_API_KEY to the server's `--api_key`."
    ),
    ServerKind.PROXY: (
        "is not reached: the proxy of https_proxy/HTTPS_PROXY stands in between{detail}. Correct "
        "the proxy and its login, or add the host to no_proxy."
    ),
    ServerKind.CERTIFICATE: (
        "shows a certificate that is not trusted here{detail}. Set SSL_CERT_FILE to the file of "
        "the authority that signed it, or use an http:// address inside your own network."
    ),
    ServerKind.ENCRYPTION: ("speaks the other of http and https{detail}. Set {setting}={other}."),
    ServerKind.REDIRECT: (
        "sends us elsewhere{detail}. Set {setting} to the final address; if that is a login page, "
        "the gateway wants a key or an exception for the judge."
    ),
    ServerKind.UNREACHABLE: (
        "does not answer{detail}. Start the judge (scripts/deploy_judge.sh), set {setting} to "
        "where it listens, or train without one: DEEPEYES_JUDGE=rule."
    ),
    ServerKind.NOT_READY: (
        "answers, but only with errors{detail}. Look at the judge's own log; it may be loading, "
        "out of memory or behind a gateway that cannot reach it."
    ),
    ServerKind.GARBLED: (
        "answers, but not like a chat server{detail}. Something else may have that port: check "
        "{setting}."
    ),
    ServerKind.OTHER: (
        "is not a chat server: it has no model list{detail}. Set {setting} to the address that "
        "the judge printed when it started{path}."
    ),
}


async def identify_server(url: str, api_key: str = "EMPTY") -> ServerIdentity:
    """Find out what listens at `url`. Never raises for what the network does."""
    async with new_session((url,), api_key) as session:
        return await identify(session, Address.of(url))


def new_session(urls: tuple[str, ...], api_key: str) -> aiohttp.ClientSession:
    """A client for one batch. Opening it costs under a millisecond and no connection."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Authorization": f"Bearer {api_key}"},
        # Encrypted hosts are outside and may need the environment's proxy; a judge on plain http
        # is on our own network, where a cluster-wide `http_proxy` would only be in the way.
        trust_env=any(url.startswith("https://") for url in urls),
    )


async def identify(
    session: aiohttp.ClientSession, address: Address, timeout_seconds: float = IDENTIFY_SECONDS
) -> ServerIdentity:
    """`identify_server` with a client that is already open."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _identify(session, address)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        detail = shorten(hide_secrets(str(error))) or type(error).__name__
        return ServerIdentity(url=address.url, kind=_kind_of(error), detail=detail)


def _kind_of(error: Exception) -> ServerKind:
    """What a connection that did not come about tells of the other side."""
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return ServerKind.PROXY
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return ServerKind.CERTIFICATE
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        # Only a failed handshake with a server that answers in plain text names the version.
        return ServerKind.ENCRYPTION if "WRONG_VERSION" in str(error) else ServerKind.CERTIFICATE
    return ServerKind.UNREACHABLE


async def _identify(session: aiohttp.ClientSession, address: Address) -> ServerIdentity:
    status, body = await _get(session, address, f"{address.url}/models")
    if status == 200:
        models = _model_names(body)
        if models is None:
            return ServerIdentity(url=address.url, kind=ServerKind.GARBLED, detail=shorten(body))
        return ServerIdentity(url=address.url, kind=ServerKind.CHAT, models=models)
    kind = _KINDS.get(status)
    if status == 400 and "https" in body.lower():
        kind = ServerKind.ENCRYPTION
    elif 300 <= status < 400:
        kind = ServerKind.REDIRECT
    elif status >= 500:
        kind = ServerKind.NOT_READY
    kind = kind or await _look_around(session, address)
    return ServerIdentity(url=address.url, kind=kind, detail=f"HTTP {status}: {shorten(body)}")


async def _look_around(session: aiohttp.ClientSession, address: Address) -> ServerKind:
    """Who says 404 to a model list: its other routes tell."""
    status, body = await _get(session, address, f"{_root(address.url)}/v1/models")
    if status == 200 and _model_names(body) is not None:
        return ServerKind.WRONG_PATH
    # FastAPI servers describe themselves; reading that starts nothing on the server.
    status, body = await _get(session, address, f"{_root(address.url)}/openapi.json")
    described = _json(body) if status == 200 else None
    routes = described.get("paths", {}) if isinstance(described, dict) else {}
    if isinstance(routes, dict) and routes.keys() & ROLLOUT_ROUTES:
        return ServerKind.ROLLOUT
    return ServerKind.OTHER


async def _get(session: aiohttp.ClientSession, address: Address, url: str) -> tuple[int, str]:
    async with session.get(url, headers=address.headers, allow_redirects=False) as response:
        return response.status, (await response.read()).decode("utf-8", "replace")


def _model_names(body: str) -> tuple[str, ...] | None:
    """The names in a model list; None if this is none."""
    listed = _json(body)
    entries = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        return None
    return tuple(str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry)


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _root(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "", "", ""))


def _other_scheme(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{rest}"


def shorten(text: str, limit: int = 160) -> str:
    """One line of at most `limit` characters, for error messages."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"

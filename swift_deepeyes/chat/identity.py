"""What listens at a server's address, and what to do if it is not the chat server that is meant.

Port mix-ups are the usual mistake (`swift rollout` and `swift deploy` both take the next free port
silently), so the answer names what is there, the setting and the fix.
"""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from typing import Any

from swift_deepeyes.chat.address import Address
from swift_deepeyes.chat.client import ChatClient
from swift_deepeyes.chat.failures import Cause, FailedCallError, SettingNames, shorten
from swift_deepeyes.frozen import FrozenModel

IDENTIFY_SECONDS = 15.0
# Routes that ms-swift's rollout server has and a chat server has not (TRL's is the same kind).
ROLLOUT_ROUTES = frozenset({"/init_communicator/", "/update_named_param/"})
_DETAIL = 160  # characters of a body or an error that a message repeats


class ServerKind(StrEnum):
    """What was found at an address."""

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

_OF_STATUS = {
    401: ServerKind.UNAUTHORISED,
    403: ServerKind.UNAUTHORISED,
    407: ServerKind.PROXY,
    429: ServerKind.NOT_READY,
}
_OF_CAUSE = {
    Cause.PROXY: ServerKind.PROXY,
    Cause.CERTIFICATE: ServerKind.CERTIFICATE,
    Cause.TLS: ServerKind.ENCRYPTION,
    Cause.BAD_BODY: ServerKind.GARBLED,
}
# What it is, and what to do.
_FOUND: dict[ServerKind, tuple[str, str]] = {
    ServerKind.CHAT: ("is a chat server{detail}", ""),
    ServerKind.ROLLOUT: (
        "is ms-swift's rollout server, not a {server}: it has no /v1/models. One of the two took "
        "the other's port",
        "{start} with a fixed, free port and set {setting} to it.",
    ),
    ServerKind.WRONG_PATH: (
        "is the wrong path of a chat server{detail}",
        "Set {setting}={root}/v1 (with the `/v1`).",
    ),
    ServerKind.UNAUTHORISED: ("refuses our key{detail}", "Set {key} to the server's `--api_key`."),
    ServerKind.PROXY: (
        "is not reached: the proxy of https_proxy/HTTPS_PROXY stands in between{detail}",
        "Correct the proxy and its login, or add the host to no_proxy.",
    ),
    ServerKind.CERTIFICATE: (
        "shows a certificate that is not trusted here{detail}",
        "Set SSL_CERT_FILE to the file of the authority that signed it, or use an http:// address "
        "inside your own network.",
    ),
    ServerKind.ENCRYPTION: (
        "speaks the other of http and https{detail}",
        "Set {setting}={other}.",
    ),
    ServerKind.REDIRECT: (
        "sends us elsewhere{detail}",
        "Set {setting} to the final address; if that is a login page, the gateway wants a key or "
        "an exception for the {server}.",
    ),
    ServerKind.UNREACHABLE: (
        "does not answer{detail}",
        "{start}, or set {setting} to where it listens{without}.",
    ),
    ServerKind.NOT_READY: (
        "answers, but only with errors{detail}",
        "Look at the {server}'s own log; it may be loading, out of memory or behind a gateway that "
        "cannot reach it.",
    ),
    ServerKind.GARBLED: (
        "answers, but not like a chat server{detail}",
        "Something else may have that port: check {setting}.",
    ),
    ServerKind.OTHER: (
        "is not a chat server: it has no model list{detail}",
        "Set {setting} to the address that the {server} printed when it started{path}.",
    ),
}


class Listing(FrozenModel):
    """One entry of a server's model list. `root` and `max_model_len` are vLLM's.

    `owned_by`: which software serves it, as `vllm` and `swift` say of themselves.
    """

    id: str
    root: str | None = None
    max_model_len: int | None = None
    owned_by: str | None = None


class ServerIdentity(FrozenModel):
    """What listens at `address`; `listings` is what a chat server lists."""

    address: Address
    kind: ServerKind
    listings: tuple[Listing, ...] = ()
    detail: str = ""  # status, body or error, shortened

    @property
    def url(self) -> str:
        """The address without user and password."""
        return self.address.url

    @property
    def models(self) -> tuple[str, ...]:
        """The names that a chat server lists."""
        return tuple(listing.id for listing in self.listings)

    def found(self, names: SettingNames) -> str:
        """What is there, as a sentence that begins with the setting. For non-chat servers."""
        return f"{names.url}: {self.url} {self._filled(0, names)}."

    def fix(self, names: SettingNames) -> str:
        """What to do about it."""
        return self._filled(1, names)

    def problem(self, names: SettingNames) -> str:
        """What is there and what to do, in a few sentences."""
        return f"{self.found(names)} {self.fix(names)}".strip()

    def _filled(self, part: int, names: SettingNames) -> str:
        return _FOUND[self.kind][part].format(
            detail=f" ({self.detail})" if self.detail else "",
            setting=names.url,
            key=names.key,
            server=names.server,
            start=names.start,
            without=names.without,
            root=self.address.root,
            other=_other_scheme(self.url),
            path="" if self.address.ends_with_v1 else ", with the `/v1`",
        )


async def identify_server(url: str, api_key: str = "EMPTY") -> ServerIdentity:
    """Find out what listens at `url`. Never raises for what the network does."""
    async with ChatClient(api_key) as client:
        return await identify(client, Address.of(url))


async def identify(
    client: ChatClient, address: Address, timeout_seconds: float = IDENTIFY_SECONDS
) -> ServerIdentity:
    """`identify_server` with a client that is already open."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _identify(client, address, timeout_seconds)
    except TimeoutError:
        failure = FailedCallError(Cause.TIMEOUT, f"no reply within {timeout_seconds:g} s")
    except FailedCallError as error:
        failure = error
    kind = _OF_CAUSE.get(failure.cause, ServerKind.UNREACHABLE)
    return ServerIdentity(address=address, kind=kind, detail=shorten(failure.detail, _DETAIL))


async def _identify(client: ChatClient, address: Address, timeout_seconds: float) -> ServerIdentity:
    answer = await client.send("GET", address, "/models", timeout_seconds)
    start = shorten(answer.body, _DETAIL)
    if answer.status == 200:
        listings = read_listings(answer.data)
        if listings is None:
            return ServerIdentity(address=address, kind=ServerKind.GARBLED, detail=start)
        return ServerIdentity(address=address, kind=ServerKind.CHAT, listings=listings)
    kind = _OF_STATUS.get(answer.status)
    if answer.status == 400 and "https" in answer.body.lower():
        kind = ServerKind.ENCRYPTION
    elif 300 <= answer.status < 400:
        kind = ServerKind.REDIRECT
    elif answer.status >= 500:
        kind = ServerKind.NOT_READY
    kind = kind or await _look_around(client, address, timeout_seconds)
    return ServerIdentity(address=address, kind=kind, detail=f"HTTP {answer.status}: {start}")


async def _look_around(client: ChatClient, address: Address, timeout_seconds: float) -> ServerKind:
    """Who says 404 to a model list: its other routes tell."""
    root = Address(address.root, address.authorization)
    answer = await client.send("GET", root, "/v1/models", timeout_seconds)
    if answer.status == 200 and read_listings(answer.data) is not None:
        return ServerKind.WRONG_PATH
    # FastAPI servers describe themselves; reading that starts nothing on the server.
    answer = await client.send("GET", root, "/openapi.json", timeout_seconds)
    described = _json(answer.data) if answer.status == 200 else None
    routes = described.get("paths", {}) if isinstance(described, dict) else {}
    if isinstance(routes, dict) and routes.keys() & ROLLOUT_ROUTES:
        return ServerKind.ROLLOUT
    return ServerKind.OTHER


def read_listings(data: bytes) -> tuple[Listing, ...] | None:
    """The entries of a model list that have a name; None if this is no model list."""
    listed = _json(data)
    entries = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        return None
    found = (_listing(entry) for entry in entries if isinstance(entry, dict))
    return tuple(listing for listing in found if listing.id)


def _listing(entry: dict[str, Any]) -> Listing:
    """One entry; what is of another type than vLLM's counts as missing."""
    name, root, longest = (entry.get(key) for key in ("id", "root", "max_model_len"))
    owner = entry.get("owned_by")
    is_length = isinstance(longest, int) and not isinstance(longest, bool) and longest > 0
    return Listing(
        id=name if isinstance(name, str) else "",
        root=root if isinstance(root, str) else None,
        max_model_len=longest if is_length else None,
        owned_by=owner if isinstance(owner, str) else None,
    )


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _other_scheme(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{rest}"

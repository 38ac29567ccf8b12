"""One call: what is sent, and what comes back of it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pytest_httpserver import HTTPServer

from swift_deepeyes.chat.address import Address, AddressError
from swift_deepeyes.chat.client import ChatClient, ClientSetupError, tls_context
from swift_deepeyes.chat.failures import Cause, FailedCallError
from swift_deepeyes.chat.identity import Listing, ServerKind, identify_server, read_listings

T = TypeVar("T")
BODY = {"model": "m", "messages": []}
REPLY = {"choices": [{"message": {"content": "1"}, "finish_reason": "stop"}]}


def call(work: Callable[[ChatClient], Coroutine[Any, Any, T]], key: str = "EMPTY") -> T:
    async def go() -> T:
        async with ChatClient(key) as client:
            return await work(client)

    return asyncio.run(go())


def test_a_call_brings_a_reply_with_its_latency(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/chat/completions", method="POST").respond_with_json(REPLY)
    address = Address.of(httpserver.url_for("/v1/"))
    reply = call(lambda client: client.complete(address, BODY, 5.0), key=" sk-1 ")
    assert (reply.content, reply.is_complete, reply.prompt_tokens) == ("1", True, None)
    assert 0 < reply.seconds < 5
    (request, _) = httpserver.log[0]
    assert request.headers["Authorization"] == "Bearer sk-1"
    assert request.json == BODY


def test_a_login_in_the_address_takes_the_place_of_the_key(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/chat/completions").respond_with_json(REPLY)
    url = httpserver.url_for("/v1").replace("://", "://me:se%2Fcret@")
    call(lambda client: client.complete(Address.of(url), BODY, 5.0))
    (request, _) = httpserver.log[0]
    login = base64.b64encode(b"me:se/cret").decode()
    assert request.headers["Authorization"] == f"Basic {login}"
    assert "cret" not in repr(Address.of(url))


def test_redirects_are_not_followed(httpserver: HTTPServer) -> None:
    moved = {"Location": "http://me:secret@elsewhere.example/v1"}
    httpserver.expect_request("/v1/chat/completions").respond_with_data("", 307, moved)
    address = Address.of(httpserver.url_for("/v1"))
    with pytest.raises(FailedCallError) as raised:
        call(lambda client: client.complete(address, BODY, 5.0))
    assert raised.value.cause is Cause.REDIRECT
    assert raised.value.detail == "HTTP 307 to http://elsewhere.example/v1"


def test_a_proxy_that_cannot_be_used_is_a_failed_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(FailedCallError, match="ALL_PROXY=socks5") as raised:
        call(lambda client: client.complete(Address("https://x.example/v1"), BODY, 5.0))
    assert raised.value.cause is Cause.PROXY
    identity = asyncio.run(identify_server("https://x.example/v1"))
    assert identity.kind is ServerKind.PROXY and "ALL_PROXY" in identity.detail


def test_certificates_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(ClientSetupError, match="SSL_CERT_FILE"):
        tls_context()
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    assert tls_context().get_ca_certs()


@pytest.mark.parametrize("url", ["", "x", "ftp://x/v1", "http://", "http://h:port", "http://[::1"])
def test_what_is_no_address_names_its_setting(url: str) -> None:
    with pytest.raises(AddressError, match=r"--rollout .* no address"):
        Address.of(url, "--rollout")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b'{"data": [{"id": "a"}, {"id": 3}, {}, null, "x"]}', ["a"]),
        (b'{"data": []}', []),
        (b'{"data": {}}', None),
        (b"[]", None),
        (b"<html>", None),
        (b"[" * 100_000, None),
    ],
)
def test_model_lists(text: bytes, names: list[str] | None) -> None:
    listings = read_listings(text)
    assert (listings and [one.id for one in listings]) == names or listings == ()


def test_a_listing_of_vllm() -> None:
    entry = b'{"data": [{"id": "a", "root": "/m", "max_model_len": 8192}, {"id": "b", "root": 1}]}'
    assert read_listings(entry) == (
        Listing(id="a", root="/m", max_model_len=8192),
        Listing(id="b"),
    )

"""Images by address, from servers on local sockets."""

from __future__ import annotations

from collections import Counter

import pytest
from pytest_httpserver import HTTPServer

from swift_deepeyes.dataset import fetch
from swift_deepeyes.dataset.fetch import fetch_image
from swift_deepeyes.dataset.images import BadImageError


@pytest.fixture(autouse=True)
def no_memory_of_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_failures", Counter())
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")


def test_a_host_nearby_is_asked_directly(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    httpserver.expect_request("/a.png").respond_with_data(b"content")
    assert fetch_image(httpserver.url_for("/a.png")) == b"content"


def test_another_host_is_asked_through_the_proxy(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", httpserver.url_for("/"))
    httpserver.expect_request("/far.png").respond_with_data(b"far")
    assert fetch_image("http://images.example.com/far.png") == b"far"


def test_redirects_are_followed_five_times(httpserver: HTTPServer) -> None:
    for step in range(7):
        moved = {"Location": f"/{step + 1}"}
        httpserver.expect_request(f"/{step}").respond_with_data(b"", 302, moved)
    httpserver.expect_request("/7").respond_with_data(b"content")
    assert fetch_image(httpserver.url_for("/2")) == b"content"
    with pytest.raises(BadImageError, match="5 redirects"):
        fetch_image(httpserver.url_for("/1"))


def test_a_status_and_a_proxy_that_cannot_be_used_are_named(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/none").respond_with_data(b"", 404)
    with pytest.raises(BadImageError, match="HTTP status 404"):
        fetch_image(httpserver.url_for("/none"))
    monkeypatch.setenv("https_proxy", "socks4://127.0.0.1:9")
    with pytest.raises(BadImageError, match=r"add images\.example\.com to no_proxy"):
        fetch_image("https://images.example.com/a.png")

"""Which requests go through the environment's proxy."""

from __future__ import annotations

import pytest

from swift_deepeyes.proxy import ProxySettingError, is_near, proxy_for, without_password

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.8.9.10", "::1", "10.1.2.3", "192.168.0.7", "172.16.0.1"),
        *("169.254.1.1", "fd00::1"),
        *("localhost", "LOCALHOST.", "node17", "judge", "vllm.local", "x.internal"),
    ],
)
def test_near_hosts_are_asked_directly(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example:1080")
    assert is_near(host)
    shown = f"[{host}]" if ":" in host else host
    assert proxy_for(f"http://{shown}:8000/v1") is None
    assert proxy_for(f"https://{shown}:8000/v1") is None


@pytest.mark.parametrize("host", ["api.example.com", "8.8.8.8", "2600::1", "local.example.org"])
def test_other_hosts_go_through_the_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy.example:3128")
    shown = f"[{host}]" if ":" in host else host
    assert proxy_for(f"https://{shown}/v1") == "http://user:secret@proxy.example:3128"
    assert proxy_for(f"http://{shown}/v1") is None
    monkeypatch.setenv("no_proxy", "elsewhere.org")
    assert proxy_for(f"https://{shown}/v1") is not None
    monkeypatch.setenv("no_proxy", f"elsewhere.org,{host}")
    assert proxy_for(f"https://{shown}:8443/v1") is None


def test_all_proxy_and_a_proxy_without_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "proxy.example:3128")
    assert proxy_for("https://api.example.com/v1") == "http://proxy.example:3128"
    monkeypatch.setenv("no_proxy", "*")
    assert proxy_for("https://api.example.com/v1") is None


@pytest.mark.parametrize("proxy", ["socks5://u:secret@p:1080", "socks4://p:1", "ftp://p:21"])
def test_a_proxy_that_cannot_be_used_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swift_deepeyes.proxy.find_spec", lambda name: None)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ProxySettingError, match=r"add api\.example\.com to no_proxy") as raised:
        proxy_for("https://api.example.com/v1")
    assert str(raised.value).startswith("ALL_PROXY=")
    assert "secret" not in str(raised.value)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert proxy_for("https://api.example.com/v1") == "http://proxy.example:3128"


def test_addresses_are_shown_without_their_password() -> None:
    assert without_password("http://a:b@c/d@e") == "http://c/d@e"
    assert without_password("a:b@c:1") == "c:1"

"""Whether a request goes through the environment's proxy: one rule for every client.

Judge and policy are nearly always on this machine or in its network, where a cluster-wide
`http_proxy` is only in the way: such hosts are asked directly, whatever the environment says. Any
other host follows `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, as urllib reads them.
"""

from __future__ import annotations

import ipaddress
import os
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from swift_deepeyes.errors import DeepEyesError

_LOCAL_SUFFIXES = (".localhost", ".local", ".internal")
_HTTP_SCHEMES = frozenset({"http", "https"})
_SOCKS_SCHEMES = frozenset({"socks5", "socks5h"})


class ProxySettingError(DeepEyesError, ValueError):
    """The environment names a proxy that cannot be used; the message names variable and fix."""


def proxy_for(url: str, socks_package: str | None = None) -> str | None:
    """The proxy's address for a request to `url`; None: ask directly.

    `socks_package`: what the client needs to speak to SOCKS proxies; None: it never does. Raises
    `ProxySettingError` for a proxy of a kind that it does not speak to.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_near(host) or proxy_bypass(parts.netloc.rpartition("@")[2]) or proxy_bypass(host):
        return None
    proxies = getproxies_environment()
    variable = f"{parts.scheme}_proxy" if parts.scheme in proxies else "all_proxy"
    proxy = proxies.get(variable.removesuffix("_proxy"))
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    scheme = urlsplit(proxy).scheme.lower()
    may_be_socks = socks_package is not None and scheme in _SOCKS_SCHEMES
    if scheme in _HTTP_SCHEMES or (may_be_socks and find_spec(str(socks_package))):
        return proxy
    fix = f"add {host} to no_proxy, or set {parts.scheme}_proxy to an HTTP proxy"
    if may_be_socks:
        fix += f", or `pip install {socks_package}`"
    raise ProxySettingError(
        f"{_spelling(variable)}={without_password(proxy)} is a proxy of a kind that cannot be used "
        f"for {host}: {fix}."
    )


def is_near(host: str) -> bool:
    """Whether a host is this machine or on its own network: never behind a proxy."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.lower().rstrip(".")
        return "." not in name or name.endswith(_LOCAL_SUFFIXES)
    return address.is_private or address.is_loopback or address.is_link_local


def without_password(url: str) -> str:
    """An address as it may be printed: without user and password."""
    scheme, mark, rest = url.partition("://") if "://" in url else ("", "", url)
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"


def _spelling(variable: str) -> str:
    """The variable as the user wrote it: both spellings are in use."""
    return variable if variable in os.environ else variable.upper()

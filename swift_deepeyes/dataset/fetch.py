"""Images that a row names by an address: fetched once, when the row is read.

ms-swift would fetch an address each time that a prompt or a batch is encoded, and one that does not
answer then ends the run. Its content in the row cannot fail later, and can be checked and enlarged.
Used by the row checks and by `prepare`; each process of them has its own memory of dead hosts.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from swift_deepeyes.dataset.images import BadImageError, ImageFault
from swift_deepeyes.proxy import proxy_for

if TYPE_CHECKING:
    import httpx

SECONDS = 20.0
"""For one image, all attempts together."""
CONNECT_SECONDS = 5.0
ATTEMPTS = 2
MOST_REDIRECTS = 5
MAX_BYTES = 256 * 2**20
DEAD_AFTER = 8
"""So many images of a host in a row that could not connect, and it is not asked again."""

_failures: Counter[str] = Counter()
_lock = threading.Lock()


def fetch_image(address: str) -> bytes:
    """What the address holds. Raises `BadImageError`, after `SECONDS` at the latest."""
    import httpx  # late: workers that meet no address do not pay for it

    try:
        host = httpx.URL(address).netloc.decode()
        if _failures[host] >= DEAD_AFTER:
            raise _bad(address, f"{host} did not answer {DEAD_AFTER} times, and is not asked again")
        return _attempts(address, host)
    except BadImageError:
        raise
    except httpx.HTTPStatusError as error:
        raise _bad(address, f"HTTP status {error.response.status_code}") from error
    except Exception as error:  # no connection, a bad address, a proxy, a certificate
        raise _bad(address, f"{type(error).__name__}: {error}") from error


def _attempts(address: str, host: str) -> bytes:
    import httpx

    end = time.monotonic() + SECONDS
    for attempt in range(ATTEMPTS):
        try:
            content = _get(address, end)
        except httpx.TransportError:
            if attempt + 1 == ATTEMPTS or time.monotonic() >= end:
                _count(host, 1)
                raise
        else:
            _count(host, -_failures[host])
            return content
    raise AssertionError("unreachable")


def _get(address: str, end: float) -> bytes:
    """The content, redirects followed: each host by the rule for its own proxy."""
    import httpx

    for _ in range(MOST_REDIRECTS + 1):
        # With a transport of our own, httpx reads no proxy from the environment.
        transport = httpx.HTTPTransport(proxy=proxy_for(address, "socksio"))
        timeout = httpx.Timeout(max(end - time.monotonic(), 0.1), connect=CONNECT_SECONDS)
        with (
            httpx.Client(transport=transport, timeout=timeout) as client,
            client.stream("GET", address) as response,
        ):
            if response.next_request is None:
                response.raise_for_status()
                return _read(response, address, end)
            address = str(response.next_request.url)
    raise _bad(address, f"more than {MOST_REDIRECTS} redirects")


def _read(response: httpx.Response, address: str, end: float) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if time.monotonic() > end:
            raise _bad(address, f"not complete after {SECONDS:.0f} seconds")
        if len(content) > MAX_BYTES:
            raise _bad(address, f"more than {MAX_BYTES >> 20} MiB")
    return bytes(content)


def _count(host: str, change: int) -> None:
    with _lock:
        _failures[host] += change


def _bad(address: str, reason: str) -> BadImageError:
    text = f"cannot be fetched: {address[:200]!r}: {reason}"
    return BadImageError(text, ImageFault.MISSING)

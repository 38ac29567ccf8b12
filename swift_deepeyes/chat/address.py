"""A server's address, split into what may be printed and what may not."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.proxy import without_password


class AddressError(DeepEyesError):
    """A setting names no address; the message says which setting and how one looks."""


@dataclass(frozen=True)
class Address:
    """`url` is without user, password and final slash; the login goes into a header of its own."""

    url: str
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, setting: str = "The address") -> Address:
        """The address that `setting` names, `http://user:password@host/v1` included.

        Raises `AddressError` for what is none.
        """
        try:
            parts = urlsplit(url.rstrip("/"))
            is_address = bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:  # a port that is no number, a broken IPv6 address
            is_address = False
        if not is_address or parts.scheme not in ("http", "https"):
            raise AddressError(
                f"{setting} {without_password(url)} is no address: it starts with http:// or "
                "https://, as in http://127.0.0.1:8000/v1"
            )
        userinfo, found, host = parts.netloc.rpartition("@")
        bare = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
        if not found:
            return cls(bare)
        user, _, password = userinfo.partition(":")
        login = f"{unquote(user)}:{unquote(password)}".encode()
        return cls(bare, "Basic " + b64encode(login).decode())

    @property
    def headers(self) -> dict[str, str]:
        """What a request to it carries besides the client's own headers."""
        return {} if self.authorization is None else {"Authorization": self.authorization}

    @property
    def root(self) -> str:
        """The server's address without any path."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc, "", "", ""))

    @property
    def ends_with_v1(self) -> bool:
        """Whether the path is the usual one of such servers."""
        return urlsplit(self.url).path.endswith("/v1")

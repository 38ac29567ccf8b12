"""A judge's address, split into what may be printed and what may not."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit


@dataclass(frozen=True)
class Address:
    """`url` is without user and password, which go into a header of their own."""

    url: str
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str) -> Address:
        """The address that a setting names, `http://user:password@host/v1` included."""
        parts = urlsplit(url.rstrip("/"))
        userinfo, found, host = parts.netloc.rpartition("@")
        bare = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
        if not found:
            return cls(bare)
        user, _, password = userinfo.partition(":")
        login = f"{unquote(user)}:{unquote(password)}".encode()
        return cls(bare, "Basic " + b64encode(login).decode())

    @property
    def headers(self) -> dict[str, str]:
        """What a request to it carries besides the session's own headers."""
        return {} if self.authorization is None else {"Authorization": self.authorization}

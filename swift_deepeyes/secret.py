"""Passwords and keys that must not reach a log, a message or a file."""

from __future__ import annotations

import re

# Behind a scheme, or in an address whose scheme was forgotten.
_USERINFO = re.compile(
    r"(?P<scheme>\b[A-Za-z][\w+.\-]*://)[^\s,'\"<>]*@"
    r"|(?<![^\s,'\"<(=])[^\s,:/'\"<>(=]+:(?!//)[^\s,'\"<>]*@"
)
_QUERY = re.compile(
    r"([?&][\w.\-]*(?:key|token|secret|password)[\w.\-]*=)[^&\s'\"]+", re.IGNORECASE
)
_BEARER = re.compile(r"(\bBearer\s+|\bBasic\s+)[\w.~+/=\-]{4,}", re.IGNORECASE)
HIDDEN = "***"


def hide_secrets(text: str) -> str:
    """The same text without the user and password of URLs, keys in queries, and header values."""
    text = _USERINFO.sub(lambda match: f"{match['scheme'] or ''}{HIDDEN}@", text)
    text = _QUERY.sub(rf"\g<1>{HIDDEN}", text)
    return _BEARER.sub(rf"\g<1>{HIDDEN}", text)

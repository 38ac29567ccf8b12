"""Warnings that a process gives once, however often their cause comes up."""

from __future__ import annotations

import logging

_warned: set[str] = set()


def warn_once(logger: logging.Logger, key: str, message: str) -> None:
    """Warn, unless there was a warning under this key."""
    if key not in _warned:
        _warned.add(key)
        logger.warning("%s", message)


def forget_warnings() -> None:
    """As in a fresh process (for `ms_swift/process`)."""
    _warned.clear()

"""Durations in words, in digits that mean something."""

from __future__ import annotations

HOUR, MINUTE = 3600, 60


def duration_text(seconds: float) -> str:
    """A duration with its unit."""
    if seconds >= 2 * HOUR:
        return f"{seconds / HOUR:,.1f} h"
    if seconds >= 10 * MINUTE:
        return f"{seconds / MINUTE:,.0f} min"
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.1f} s"

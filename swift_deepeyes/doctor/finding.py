"""What a check found: one line for people, and whether it stands in the way."""

from __future__ import annotations

from enum import StrEnum

from swift_deepeyes.frozen import FrozenModel


class Health(StrEnum):
    """`skipped`: not checked, and the text says what to pass to have it checked."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Finding(FrozenModel):
    """One line of the report. `fix` is empty where nothing is to be done."""

    check: str
    health: Health
    text: str
    fix: str = ""


def ok(check: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(check=check, health=Health.OK, text=text)


def failed(check: str, text: str, fix: str) -> Finding:
    """A run would not work like this."""
    return Finding(check=check, health=Health.FAILED, text=text, fix=fix)


def warning(check: str, text: str, fix: str) -> Finding:
    """A run would start, and might not do what is wanted."""
    return Finding(check=check, health=Health.WARNING, text=text, fix=fix)


def skipped(check: str, fix: str) -> Finding:
    """Not checked."""
    return Finding(check=check, health=Health.SKIPPED, text="not checked", fix=fix)

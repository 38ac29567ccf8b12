"""What crosses a boundary here: frozen models, and texts that can be written anywhere."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A value: compared by content, never changed."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def valid_text(text: str) -> str:
    """The text with a `?` for each lone surrogate: no file and no HTTP body can hold one."""
    return text.encode("utf-8", "replace").decode()

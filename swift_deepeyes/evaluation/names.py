"""The names that users type. Alone here, so that the command line starts without the rest."""

from __future__ import annotations

from enum import StrEnum

from swift_deepeyes.episode.family import Family

__all__ = ["Family", "Thinking", "ToolMode"]


class Thinking(StrEnum):
    """Whether turns begin inside a thought, where the model's template has both."""

    ON = "on"
    OFF = "off"


class ToolMode(StrEnum):
    """Whether the model may call the tool."""

    ON = "on"
    OFF = "off"

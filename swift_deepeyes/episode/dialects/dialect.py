"""What a form of calls is to the engine: which texts are written in it, and how it is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from swift_deepeyes.episode.calls import MalformedCall, ToolCall

CALL_OPEN, CALL_CLOSE = "<tool_call>", "</tool_call>"


class Dialect(StrEnum):
    """A form of calls, by the name of ms-swift's agent template that teaches it."""

    HERMES = "hermes"
    QWEN3_CODER = "qwen3_coder"


class CallReader(ABC):
    """Reads and writes the calls of one dialect. Total: any body gives a call or a mistake."""

    dialect: ClassVar[Dialect]
    agent_templates: ClassVar[frozenset[str]]
    """Those of ms-swift that teach this form."""
    family: ClassVar[frozenset[Dialect]] = frozenset()
    """What models write beside it, whatever their prompt says."""
    mark: ClassVar[str | None] = None
    """A text that only a call of this form has; it tells of one outside of the call's tags."""

    @abstractmethod
    def claims(self, body: str) -> bool:
        """Whether what stands between a call's tags is meant to be of this form."""

    @abstractmethod
    def read(self, body: str) -> ToolCall | MalformedCall:
        """Read what stands between a call's tags."""

    @abstractmethod
    def write(self, name: str, arguments: Mapping[str, Any]) -> str:
        """A call with its tags, as the agent template writes it."""

    @abstractmethod
    def is_shown(self, prompt: str) -> bool:
        """Whether a prompt shows this form to its model."""

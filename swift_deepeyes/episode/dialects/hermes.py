"""JSON between the tags: Qwen2.5-VL and Qwen3-VL, and the prompt of the published data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from swift_deepeyes.episode.calls import MalformedCall, ToolCall, read_call
from swift_deepeyes.episode.dialects.dialect import CALL_CLOSE, CALL_OPEN, CallReader, Dialect

_SHOWN = re.compile(rf"{CALL_OPEN}\s*+\{{")
_JSON_STARTS = ("{", "[", "```")


class Hermes(CallReader):
    """`<tool_call>{"name": …, "arguments": {…}}</tool_call>`."""

    dialect: ClassVar[Dialect] = Dialect.HERMES
    agent_templates: ClassVar[frozenset[str]] = frozenset({"hermes"})

    def claims(self, body: str) -> bool:
        """Whether it looks like JSON."""
        return body.lstrip().startswith(_JSON_STARTS)

    def read(self, body: str) -> ToolCall | MalformedCall:
        """Read the JSON."""
        return read_call(body)

    def write(self, name: str, arguments: Mapping[str, Any]) -> str:
        """In one line, as the published prompt's errors show it."""
        body = json.dumps({"name": name, "arguments": dict(arguments)}, default=str)
        return f"{CALL_OPEN}{body}{CALL_CLOSE}"

    def is_shown(self, prompt: str) -> bool:
        """Whether a brace follows a call's tag somewhere."""
        return _SHOWN.search(prompt) is not None

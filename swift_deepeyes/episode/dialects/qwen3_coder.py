"""A function and its parameters in tags: Qwen3-Coder, and Qwen3.5 and later.

The values are texts, whose types only the tool's schema tells (`argument_types`). As with JSON,
nothing is mended: what vLLM's parsers guess (a tag that is not closed, a name without its `>`) is
told to the model. Scans with `str.find`, so any text takes linear time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from swift_deepeyes.episode.calls import MAX_CALL_CHARACTERS, MalformedCall, ToolCall
from swift_deepeyes.episode.dialects.dialect import CALL_CLOSE, CALL_OPEN, CallReader, Dialect

_FUNCTION = re.compile(r"<function=([^<>\n]*+)>")
_PARAMETER = re.compile(r"<parameter=([^<>\n]*+)>")
_SPACE = re.compile(r"\s*+")
_FUNCTION_MARK, _PARAMETER_MARK = "<function=", "<parameter="
_FUNCTION_CLOSE, _PARAMETER_CLOSE = "</function>", "</parameter>"
_QUOTES = "\"'`"


class MistakeError(ValueError):
    """What is wrong with a call; `str(mistake)` repeats nothing of it."""


class Qwen3Coder(CallReader):
    """`<tool_call><function=NAME><parameter=NAME>value</parameter></function></tool_call>`."""

    dialect: ClassVar[Dialect] = Dialect.QWEN3_CODER
    agent_templates: ClassVar[frozenset[str]] = frozenset({"qwen3_coder", "qwen3_5"})
    # Their predecessors were trained on JSON, and a prompt that asks for it is followed or not.
    family: ClassVar[frozenset[Dialect]] = frozenset({Dialect.HERMES})
    mark: ClassVar[str | None] = _FUNCTION_MARK

    def claims(self, body: str) -> bool:
        """Whether it begins with a function's tag, be it a broken one."""
        return body.lstrip().startswith("<function")

    def read(self, body: str) -> ToolCall | MalformedCall:
        """Read the tags; the arguments of the call are texts."""
        if len(body) > MAX_CALL_CHARACTERS:
            return MalformedCall(f"The tool call is longer than {MAX_CALL_CHARACTERS} characters.")
        name: str | None = None
        try:
            text = _whole(body)
            name, start = _function(text)
            return ToolCall(name, _parameters(text, start), are_texts=True)
        except MistakeError as mistake:
            return MalformedCall(str(mistake), name=name)

    def write(self, name: str, arguments: Mapping[str, Any]) -> str:
        """One tag a line, as the agent template writes it."""
        lines = [CALL_OPEN, f"<function={name}>"]
        for argument, value in arguments.items():
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            lines += [f"<parameter={argument}>", text, _PARAMETER_CLOSE]
        return "\n".join([*lines, _FUNCTION_CLOSE, CALL_CLOSE])

    def is_shown(self, prompt: str) -> bool:
        """Whether a function's tag stands somewhere."""
        return _FUNCTION_MARK in prompt


def _whole(body: str) -> str:
    text = body.strip()
    if not text:
        raise MistakeError("There is nothing between the tags of the tool call.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise MistakeError("There is half a character in the tool call.") from None
    return text


def _function(text: str) -> tuple[str, int]:
    """The function's name, and where its tag ends."""
    tag = _FUNCTION.match(text)
    if tag is not None:
        return _name(tag, "function"), tag.end()
    if text.startswith("<function"):
        raise MistakeError("The tag of the function is not right: write <function=NAME>.")
    raise MistakeError("The tool call does not begin with <function=NAME>.")


def _parameters(text: str, position: int) -> dict[str, str]:
    """Everything from the function's tag to the end."""
    arguments: dict[str, str] = {}
    while True:
        position = _after_space(text, position)
        if text.startswith(_FUNCTION_CLOSE, position):
            _check_end(text[position + len(_FUNCTION_CLOSE) :].lstrip())
            return arguments
        tag = _PARAMETER.match(text, position)
        if tag is None:
            raise MistakeError(_in_place_of_a_parameter(text, position))
        name = _name(tag, "parameter")
        if name in arguments:
            raise MistakeError("A parameter is given twice.")
        end = text.find(_PARAMETER_CLOSE, tag.end())
        value = text[tag.end() : end]
        if end < 0 or _PARAMETER_MARK in value or _FUNCTION_CLOSE in value:
            raise MistakeError("A parameter is not closed with </parameter>.")
        arguments[name] = value.removeprefix("\n").removesuffix("\n")
        position = end + len(_PARAMETER_CLOSE)


def _name(tag: re.Match[str], kind: str) -> str:
    name = tag[1].strip()
    if not name:
        raise MistakeError(f"The tag of a {kind} has no name: write <{kind}=NAME>.")
    if name[0] in _QUOTES or name[-1] in _QUOTES:
        raise MistakeError(f"The name of a {kind} stands without quotes: write <{kind}=NAME>.")
    return name


def _after_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return position if space is None else space.end()


def _in_place_of_a_parameter(text: str, position: int) -> str:
    if position == len(text) or text.startswith(_FUNCTION_MARK, position):
        return "The function is not closed with </function>."
    if text.startswith(_PARAMETER_CLOSE, position):
        return "There is a closing </parameter> too many."
    if text.startswith("<parameter", position):
        return "The tag of a parameter is not right: write <parameter=NAME>."
    return "Each argument stands in <parameter=NAME> and </parameter>, and nothing beside them."


def _check_end(rest: str) -> None:
    if rest.startswith(_FUNCTION_MARK):
        raise MistakeError("There are two functions; write one per pair of tags.")
    if rest:
        raise MistakeError("Something follows </function>.")

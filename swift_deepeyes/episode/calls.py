"""One tool call as the model wrote it → a name and arguments, or what is wrong with it, in words.

Nothing is mended here: a malformed call that is run all the same would be rewarded. Each mistake is
named with its place, and no message repeats what the model wrote.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from swift_deepeyes.episode.trajectory import CallStatus

MAX_CALL_CHARACTERS = 8192
MAX_DEPTH = 32
"""Levels of lists and objects in a call. Records that nest 200 deep cannot be read again."""

_LARGEST_INTEGER = 2**53
_WRITTEN_AS_A_FUNCTION = re.compile(r"[A-Za-z_][\w.]*\s*\(")
_PYTHON_WORD = re.compile(r"(?:None|True|False)\b")
_TYPOGRAPHIC = frozenset("“”„‘’«»`，：；｛｝［］")  # noqa: RUF001
_KINDS = {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}


class JsonMistakeError(ValueError):
    """Text that is not strict JSON; `str(mistake)` says why without repeating any of it."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A well-formed call: a tool's name and its arguments as strict JSON.

    `are_texts`: the form has no types (XML); each argument is the text that the model wrote.
    """

    name: str
    arguments: dict[str, Any]
    are_texts: bool = False


@dataclass(frozen=True, slots=True)
class MalformedCall:
    """A call that could not be read; `message` tells the model what is wrong with it.

    `name` is the tool's, as the model wrote it, where that much could be read.
    """

    message: str
    status: CallStatus = CallStatus.MALFORMED_CALL
    name: str | None = None


def read_call(body: str) -> ToolCall | MalformedCall:
    """Read the JSON between the tags. `arguments` may be an object or a text that holds one."""
    if len(body) > MAX_CALL_CHARACTERS:
        return MalformedCall(f"The tool call is longer than {MAX_CALL_CHARACTERS} characters.")
    try:
        call = strict_json(body)
    except JsonMistakeError as mistake:
        return MalformedCall(f"The tool call is not valid JSON: {mistake}.")
    if isinstance(call, list):
        return MalformedCall("The tool call is a list; write one JSON object per pair of tags.")
    if not isinstance(call, dict):
        return MalformedCall(f"The tool call is {_kind(call)}; it must be a JSON object.")
    return _read_object(call)


def _read_object(call: dict[str, Any]) -> ToolCall | MalformedCall:
    if "name" not in call:
        return MalformedCall('The tool call has no "name".')
    name = call["name"]
    if not isinstance(name, str) or not name:
        return MalformedCall('The "name" of the tool call must be the name of a tool.')
    if "arguments" not in call:
        return MalformedCall('The tool call has no "arguments".', name=name)
    arguments = call["arguments"]
    if isinstance(arguments, str):
        try:
            arguments = strict_json(arguments)
        except JsonMistakeError as mistake:
            message = f'The text in "arguments" is not valid JSON: {mistake}.'
            return MalformedCall(message, name=name)
    if not isinstance(arguments, dict):
        message = f'The "arguments" are {_kind(arguments)}; they must be a JSON object.'
        return MalformedCall(message, name=name)
    return ToolCall(name, arguments)


def strict_json(text: str) -> Any:
    """Parse JSON that can be written again anywhere. Raises `JsonMistakeError`.

    The arguments travel through HTTP in the episode's record. Python's reader accepts `NaN`,
    `1e999`, lone surrogates and any depth, none of which survive that trip.
    """
    try:
        value = json.loads(
            text, parse_constant=_refuse, parse_float=_finite_float, parse_int=_small_integer
        )
    except json.JSONDecodeError as error:
        raise JsonMistakeError(_explain(error)) from None
    except RecursionError:
        raise JsonMistakeError(_too_deep()) from None
    if _is_deep(value):
        raise JsonMistakeError(_too_deep())
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise JsonMistakeError("a \\u escape in it is half a character") from None
    return value


def _explain(error: json.JSONDecodeError) -> str:
    """What is wrong, and where: json's own messages name the symptom, not the mistake."""
    whole = error.doc.strip()
    if not whole:
        return "there is nothing between the tags"
    if whole.startswith("```"):
        return "it stands in a code fence; write the object without backticks around it"
    if whole.startswith("<"):
        return "it begins with a tag; write one object and nothing else between the tags"
    if _WRITTEN_AS_A_FUNCTION.match(whole):
        return "it is written as a function call"
    place = f"at character {error.pos + 1} of {len(error.doc)}"
    return f"{_mistake(error)} ({place})"


def _mistake(error: json.JSONDecodeError) -> str:
    before, rest = error.doc[: error.pos].rstrip(), error.doc[error.pos :].lstrip()
    if error.msg.startswith("Extra data"):
        return _extra(rest)
    if error.msg.startswith("Unterminated string"):
        return "a text is not closed with a double quote"
    if error.msg.startswith("Invalid control character"):
        return "a line break or another control character stands in a text; write \\n for it"
    if error.msg.startswith("Invalid \\"):
        return "a backslash in a text begins no escape; write two for one"
    if not rest:
        return "it ends too early; a closing brace or bracket is missing"
    if before.endswith(",") and rest[0] in "}]":
        return "a comma stands before a closing brace or bracket"
    if rest.startswith("'"):
        return "single quotes; names and texts stand in double quotes"
    if rest[0] in _TYPOGRAPHIC:
        return "a typographic quote or mark; write plain ASCII marks"
    if _PYTHON_WORD.match(rest):
        return "a word of Python; JSON writes null, true and false"
    if rest.startswith(("//", "/*", "#")):
        return "a comment; JSON has none"
    return _expected(error.msg)


def _extra(rest: str) -> str:
    if rest.lstrip(",; \n").startswith("{"):
        return "there are two JSON objects; write one per pair of tags"
    if rest[0] in "}]":
        return "there is a closing brace or bracket too many"
    if rest[0] == ":":
        return "the opening brace is missing"
    return "something follows the JSON object"


def _expected(message: str) -> str:
    if message.startswith("Expecting property name"):
        return "a name must stand in double quotes"
    if message.startswith("Expecting ':'"):
        return "a colon is missing after a name"
    if message.startswith("Expecting ','"):
        return "a comma, a quote or a closing bracket is missing"
    return "a value is missing, or a text without double quotes"


def _is_deep(value: object) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        inner = [part for part in level if isinstance(part, dict | list)]
        level = [part for one in inner for part in (one.values() if type(one) is dict else one)]
        if not inner:
            return False
    return True


def _too_deep() -> str:
    return f"its lists and objects are nested deeper than {MAX_DEPTH} levels"


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")


def _refuse(constant: str) -> float:
    raise JsonMistakeError("NaN and Infinity are no numbers in JSON")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise JsonMistakeError("a number in it is too large")
    return number


def _small_integer(digits: str) -> int:
    if len(digits) > 17 or abs(number := int(digits)) > _LARGEST_INTEGER:
        raise JsonMistakeError("a number in it is too large")
    return number

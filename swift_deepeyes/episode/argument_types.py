"""Arguments that came as texts, as XML has them, typed by the tool's schema.

The order is that of vLLM's parsers: null, truth value, number, list and object, text. A text that
is none of what the schema allows stays one: the tool's own reading says what is wrong with it. An
empty one, or null, where the schema wants neither is an argument that was not given: Qwen3.5 writes
that for what it leaves out (sglang #36835).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import AliasChoices, BaseModel

from swift_deepeyes.episode.calls import JsonMistakeError, strict_json

_NULLS = frozenset({"null", "none"})
_TRUTH = {"true": True, "false": False}
_OF_VALUE: Mapping[type, str] = {
    bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object",
    type(None): "null",
}  # fmt: skip
_ABSENT = object()


def typed_arguments(model: type[BaseModel], texts: Mapping[str, str]) -> dict[str, Any]:
    """The arguments as the schema of `model` wants them; strict JSON, as `texts` is."""
    types = _types_of_arguments(model)
    typed = {name: _typed(text, types.get(name, frozenset())) for name, text in texts.items()}
    return {name: value for name, value in typed.items() if value is not _ABSENT}


def _typed(text: str, types: frozenset[str]) -> Any:
    word = text.strip()
    if not types:  # the schema does not say
        return text
    is_nothing = not word or word.lower() in _NULLS
    if is_nothing and word and "null" in types:
        return None
    if is_nothing and "string" not in types:
        return _ABSENT
    if "boolean" in types and word.lower() in _TRUTH:
        return _TRUTH[word.lower()]
    value = _json_of(word)
    if _OF_VALUE[type(value)] in _with_numbers(types):
        return value if not isinstance(value, str) else text
    # A list as a JSON text is read by `Tool.read_arguments`, as it is in JSON.
    return value if isinstance(value, str) and "string" not in types else text


def _json_of(text: str) -> Any:
    try:
        return strict_json(text)
    except JsonMistakeError:
        return text


def _with_numbers(types: frozenset[str]) -> frozenset[str]:
    """Any number where one is wanted: `5.0` may be a whole one, and pydantic says if `5.5` is."""
    numbers = {"integer", "number"}
    return types | numbers if types & numbers else types


@cache
def _types_of_arguments(model: type[BaseModel]) -> dict[str, frozenset[str]]:
    """JSON's names of the types that each argument may have, by every name that it may have."""
    try:
        schema = model.model_json_schema()
        types = {
            name: frozenset(_types(inner, schema))
            for name, inner in schema.get("properties", {}).items()
        }
    except Exception:  # types of a user's own that no JSON schema describes
        return {}
    for field in model.model_fields.values():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else []
        names = [name for name in choices if isinstance(name, str)]
        known = next((types[name] for name in names if name in types), frozenset())
        types.update(dict.fromkeys(names, known))
    return types


def _types(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterable[str]:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    given = schema.get("type", ())
    yield from [given] if isinstance(given, str) else given
    values = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    yield from (_OF_VALUE[type(value)] for value in values)
    for key in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(key, ()):
            yield from _types(inner, root)

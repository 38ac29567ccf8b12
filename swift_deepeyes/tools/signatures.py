"""Signatures of tools as prompts show them: in `<tools>`, a JSON object a line, or in `tools`.

Nothing here raises for what a row contains; what cannot be read is None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from swift_deepeyes.dataset.values import leaf_text, plain

Signature = dict[str, Any]
Change = Callable[[Signature], Signature]

# Qwen's system prompts also name the tags, as an empty pair, before they are used.
_BLOCK = re.compile(r"(?<=<tools>)((?:(?!</?tools>).)+)(?=</tools>)", re.DOTALL)
_NULLS = frozenset({"default", "const"})  # keys under which null is a value; else Arrow's filling


def signatures_of_text(text: str) -> list[Signature] | None:
    """All signatures in the blocks of a system prompt; None where there are none, or others."""
    lines = (line.strip() for block in _BLOCK.findall(text) for line in block.split("\n"))
    return _all_read([line for line in lines if line])


def signatures_of_column(value: object) -> list[Signature] | None:
    """Those of a `tools` column: JSON, a list of JSON texts, or what Arrow made of objects."""
    given = plain(value)
    if isinstance(given, str):
        with suppress(ValueError, RecursionError):
            given = json.loads(given)
    return _all_read(given if isinstance(given, list | tuple) else [given])


def changed_in_text(text: str, change: Change) -> str:
    """The text with each signature changed; a line that is none, or stays the same, is kept."""
    return _BLOCK.sub(
        lambda block: "\n".join(_changed_line(line, change) for line in block[1].split("\n")), text
    )


def column_of(signatures: Iterable[Signature]) -> str:
    """What ms-swift's column `tools` holds, as text: all rows of a file have the same type."""
    return json.dumps(list(signatures), ensure_ascii=False)


def column_text(value: object) -> str | None:
    """A `tools` column of any shape as such a text; None where a row has no tools in it."""
    if value is None or isinstance(value, str):
        return value or None
    signatures = signatures_of_column(value)
    return column_of(signatures) if signatures else leaf_text(value) or None


def name_of(signature: Signature) -> str:
    """The tool's name."""
    return str(signature["function"]["name"])


def properties_of(signature: Signature) -> Mapping[str, Any]:
    """The arguments' schemas by name; empty where they are written in another way."""
    parameters = signature["function"].get("parameters")
    found = parameters.get("properties") if isinstance(parameters, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def with_properties(signature: Signature, properties: Mapping[str, Any]) -> Signature:
    """The signature with other schemas of arguments."""
    function = signature["function"]
    parameters = {**function["parameters"], "properties": dict(properties)}
    return {**signature, "function": {**function, "parameters": parameters}}


def _all_read(given: Iterable[object]) -> list[Signature] | None:
    read = [_read(one) for one in given]
    known = [one for one in read if one is not None]
    return known if known and len(known) == len(read) else None


def _read(given: object) -> Signature | None:
    """OpenAI's function format, also without its frame."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return None
    if isinstance(given, Mapping) and "function" not in given and "name" in given:
        given = {"type": "function", "function": given}
    if not isinstance(given, Mapping) or not isinstance(given.get("function"), Mapping):
        return None
    if not isinstance(given["function"].get("name"), str):
        return None
    return dict(_without_filling(given))


def _without_filling(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_without_filling(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    kept = {key: one for key, one in value.items() if one is not None or key in _NULLS}
    return {key: _without_filling(one) for key, one in kept.items()}


def _changed_line(line: str, change: Change) -> str:
    signature = _read(line)
    if signature is None or (changed := change(signature)) == signature:
        return line
    compact = ", " not in line.partition("description")[0]
    separators = (",", ":") if compact else None
    indent = line[: len(line) - len(line.lstrip())]
    return indent + json.dumps(changed, ensure_ascii=False, separators=separators)

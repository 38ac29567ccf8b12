"""Which tools a row has: toolboxes by `env_name`, and tools that a prompt announces."""

from __future__ import annotations

import logging
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel

from swift_deepeyes.episode.messages import names_no_toolbox
from swift_deepeyes.episode.tool import Tool, Toolbox
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.once import warn_once

logger = logging.getLogger(__name__)

OFFICIAL_TOOLBOX = "visual_toolbox_v2"

ToolClass = TypeVar("ToolClass", bound=type[Tool[Any]])

_toolboxes: dict[str, dict[str, Tool[Any]]] = {}


class ToolDefinitionError(DeepEyesError, TypeError):
    """A tool's class lacks something; the message says what."""


def register_tool(env_name: str, *, first: bool = False) -> Callable[[ToolClass], ToolClass]:
    """Class decorator: put a tool into the toolbox of `env_name`, which is made if it is new.

    Registering the same class twice is fine (ms-swift may run a plugin file more than once).
    `first`: before the others in prompts and in messages to the model. Raises
    `ToolDefinitionError`.
    """

    def add(tool_class: ToolClass) -> ToolClass:
        tool = checked_tool(tool_class)
        tools = _toolboxes.get(env_name, {})
        new = {tool.name: tool}
        _toolboxes[env_name] = {**new, **tools, **new} if first else {**tools, **new}
        return tool_class

    return add


def checked_tool(given: Tool[Any] | type[Tool[Any]]) -> Tool[Any]:
    """The tool, made of its class if need be. Raises `ToolDefinitionError`."""
    kind = given if isinstance(given, type) else type(given)
    name = kind.__qualname__
    if not issubclass(kind, Tool):
        raise ToolDefinitionError(f"{name} is no tool: derive it from swift_deepeyes.tools.Tool")
    if "run" in kind.__abstractmethods__:
        raise ToolDefinitionError(f"{name} has no run: def run(self, arguments, context)")
    tool = given() if isinstance(given, type) else given
    for attribute, use in (("name", "calls it by"), ("description", "reads in its prompt")):
        value = getattr(tool, attribute, None)
        if not isinstance(value, str) or not value.strip():
            raise ToolDefinitionError(
                f'{name} has no {attribute}: {attribute} = "...", which the model {use}'
            )
    arguments = getattr(tool, "arguments", None)
    if not isinstance(arguments, type) or not issubclass(arguments, BaseModel):
        raise ToolDefinitionError(f"{name} has no arguments: a class derived of pydantic.BaseModel")
    return tool


def all_toolboxes() -> dict[str, Toolbox]:
    """What is registered, by `env_name`."""
    return {name: Toolbox(name, dict(tools)) for name, tools in sorted(_toolboxes.items())}


def tool_schemas(env_name: str) -> list[dict[str, Any]]:
    """What a prompt's `<tools>` shows for this toolbox: one JSON schema a tool. Raises KeyError."""
    return [tool.schema() for tool in _toolboxes[env_name].values()]


def toolbox_of_row(env_name: object, prompt: str) -> Toolbox | None:
    """The toolbox of a row; None: the row has no tool.

    `env_name` None means that the row's columns are not known here (or that it has none): then the
    prompt decides, and a tool that it does not announce does not exist. A name that nobody
    registered is warned about once and left to the prompt as well.
    """
    if isinstance(env_name, str):
        if names_no_toolbox(env_name):
            return None
        name = env_name.strip()
        if name in _toolboxes:
            return Toolbox(name, dict(_toolboxes[name]))
        _warn_unknown(name)
    return _announced(prompt)


def _announced(prompt: str) -> Toolbox | None:
    """The tools whose names stand in the prompt, from the toolbox that has the most of them."""
    best: Toolbox | None = None
    for name, tools in _toolboxes.items():
        named = {key: tool for key, tool in tools.items() if key in prompt}
        if named and (best is None or len(named) > len(best.tools)):
            best = Toolbox(name, named)
    return best


def is_toolbox(env_name: str) -> bool:
    """Whether somebody registered tools under this name."""
    return env_name.strip() in _toolboxes


def unknown_toolbox(name: str) -> str:
    """What to say of an `env_name` that nobody registered: the nearest or all known ones."""
    near = get_close_matches(name, _toolboxes, n=1)
    known = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(_toolboxes))}"
    return (
        f"env_name {name!r} names no toolbox ({known}); a tool of yours is registered with "
        f"swift_deepeyes.tools.register_tool({name!r}) in a file for --external_plugins"
    )


def unannounced(toolbox: Toolbox) -> str:
    """What to say of a toolbox none of whose tools the prompt names."""
    return (
        f"env_name {toolbox.name!r} gives rows {' and '.join(toolbox.tools)}, which their prompts "
        "do not name, and a model calls no tool that it is not told of. The fix: "
        f"swift_deepeyes.tools.tool_schemas({toolbox.name!r}) in their system prompt or in a "
        "column `tools` (no mistake where --system names it)"
    )


def _warn_unknown(name: str) -> None:
    text = f"{unknown_toolbox(name)}. Its rows get the tools that their prompts announce."
    warn_once(logger, f"toolbox {name}", text)

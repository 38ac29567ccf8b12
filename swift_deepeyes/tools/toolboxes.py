"""Which tools a row has: toolboxes by `env_name`, and tools that a prompt announces."""

from __future__ import annotations

import logging
from collections.abc import Callable
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Any, TypeVar

from swift_deepeyes.episode.messages import names_no_toolbox
from swift_deepeyes.episode.tool import Tool, Toolbox
from swift_deepeyes.once import warn_once

logger = logging.getLogger(__name__)

OFFICIAL_TOOLBOX = "visual_toolbox_v2"
ENTRY_POINT_GROUP = "swift_deepeyes.tools"

ToolClass = TypeVar("ToolClass", bound=type[Tool[Any]])

_toolboxes: dict[str, dict[str, Tool[Any]]] = {}


def register_tool(env_name: str, *, first: bool = False) -> Callable[[ToolClass], ToolClass]:
    """Class decorator: put a tool into the toolbox of `env_name`, which is made if it is new.

    Registering the same class twice is fine (ms-swift may run a plugin file more than once).
    `first`: before the others in prompts and in messages to the model.
    """

    def add(tool_class: ToolClass) -> ToolClass:
        tool = tool_class()
        tools = _toolboxes.get(env_name, {})
        new = {tool.name: tool}
        _toolboxes[env_name] = {**new, **tools, **new} if first else {**tools, **new}
        return tool_class

    return add


def load_entry_points() -> None:
    """Import what installed packages announce under `swift_deepeyes.tools`.

    Such a module registers its tools with `register_tool` when it is imported.
    """
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        entry_point.load()


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

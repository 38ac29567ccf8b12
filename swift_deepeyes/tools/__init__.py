"""The tools a model can call and the toolboxes that rows choose by `env_name`.

A built-in tool is one module in this folder, which registers its class as users do.
"""

from importlib import import_module
from pkgutil import iter_modules

from swift_deepeyes.episode.images import NewImage
from swift_deepeyes.episode.result import ToolResult
from swift_deepeyes.episode.tool import (
    ImageIndex,
    Tool,
    Toolbox,
    ToolContext,
    ToolError,
)
from swift_deepeyes.episode.trajectory import CallStatus
from swift_deepeyes.tools.attempt import ToolAttempt, ToolFaultError, try_tool
from swift_deepeyes.tools.plugins import load_entry_points
from swift_deepeyes.tools.toolboxes import (
    OFFICIAL_TOOLBOX,
    is_toolbox,
    register_tool,
    tool_schemas,
    toolbox_of_row,
    unannounced,
    unknown_toolbox,
)

Scene = ToolContext
"""The former name of `ToolContext`, as the tools of users write it."""

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "OFFICIAL_TOOLBOX",
    "CallStatus",
    "ImageIndex",
    "NewImage",
    "Scene",
    "Tool",
    "ToolAttempt",
    "ToolContext",
    "ToolError",
    "ToolFaultError",
    "ToolResult",
    "Toolbox",
    "is_toolbox",
    "load_entry_points",
    "register_tool",
    "tool_schemas",
    "toolbox_of_row",
    "try_tool",
    "unannounced",
    "unknown_toolbox",
]

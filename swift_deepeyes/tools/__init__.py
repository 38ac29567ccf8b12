"""The tools a model can call and the toolboxes that rows choose by `env_name`."""

from swift_deepeyes.core.gallery import NewImage
from swift_deepeyes.core.tool import ImageIndex, Scene, Tool, Toolbox, ToolError, ToolResult
from swift_deepeyes.core.trajectory import CallStatus
from swift_deepeyes.tools.toolboxes import (
    OFFICIAL_TOOLBOX,
    load_entry_points,
    register_tool,
    tool_schemas,
    toolbox_of_row,
)

__all__ = [
    "OFFICIAL_TOOLBOX",
    "CallStatus",
    "ImageIndex",
    "NewImage",
    "Scene",
    "Tool",
    "ToolError",
    "ToolResult",
    "Toolbox",
    "load_entry_points",
    "register_tool",
    "tool_schemas",
    "toolbox_of_row",
]

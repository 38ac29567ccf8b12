"""The tools a model can call and the toolboxes that rows choose by `env_name`."""

from swift_deepeyes.episode.images import NewImage
from swift_deepeyes.episode.tool import (
    ImageIndex,
    Tool,
    Toolbox,
    ToolContext,
    ToolError,
    ToolResult,
)
from swift_deepeyes.episode.trajectory import CallStatus
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
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolResult",
    "Toolbox",
    "load_entry_points",
    "register_tool",
    "tool_schemas",
    "toolbox_of_row",
]

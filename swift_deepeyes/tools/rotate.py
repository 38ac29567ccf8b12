"""`image_rotate_tool`: turn an image. Part of the official toolbox beside the zoom."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from swift_deepeyes.episode.images import NewImage
from swift_deepeyes.episode.result import ToolResult
from swift_deepeyes.episode.tool import ImageIndex, Tool, ToolContext
from swift_deepeyes.tools.toolboxes import OFFICIAL_TOOLBOX, register_tool


class RotateArguments(BaseModel):
    """What the model writes."""

    model_config = ConfigDict(extra="ignore")

    angle: float = Field(
        ge=-360, le=360, allow_inf_nan=False, description="Degrees, counter-clockwise."
    )
    img_idx: ImageIndex = Field(
        default=0, description="Which image: 0 is the first; returned crops count on."
    )


@register_tool(OFFICIAL_TOOLBOX)
class RotateTool(Tool[RotateArguments]):
    """Rotates the image as the model saw it; the canvas grows to hold all of it."""

    name: ClassVar[str] = "image_rotate_tool"
    description: ClassVar[str] = "Rotate an image by an angle in degrees."
    arguments = RotateArguments

    def run(self, arguments: RotateArguments, context: ToolContext) -> ToolResult:
        """Rotate image `img_idx`. The result is no rectangle of the source: it has no place."""
        image = context.show(arguments.img_idx)
        rotated = image.view.rotate(arguments.angle, expand=True)
        return ToolResult(image=NewImage(rotated), image_index=arguments.img_idx)

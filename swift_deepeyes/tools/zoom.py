"""`image_zoom_in_tool`: cut a region out of an image and show it again, larger."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from swift_deepeyes.episode.result import ToolResult
from swift_deepeyes.episode.tool import ImageIndex, Tool, ToolContext, numbers_of_text
from swift_deepeyes.tools.toolboxes import OFFICIAL_TOOLBOX, register_tool


class ZoomArguments(BaseModel):
    """What the model writes. The published prompt's own `required` says `bbox`: both are read."""

    model_config = ConfigDict(extra="ignore")

    # Read by `ToolContext.box`, whose messages tell the model more than pydantic's would.
    bbox_2d: Annotated[Any, BeforeValidator(numbers_of_text)] = Field(
        validation_alias=AliasChoices("bbox_2d", "bbox"),
        description="The region to zoom in on: [x1, y1, x2, y2], top left and bottom right.",
        json_schema_extra={"type": "array", "items": {"type": "number"}},
    )
    label: Any = Field(default=None, description="The name of the object in the region.")
    img_idx: ImageIndex = Field(
        default=0, description="Which image: 0 is the first; returned crops count on."
    )


@register_tool(OFFICIAL_TOOLBOX, first=True)
class ZoomTool(Tool[ZoomArguments]):
    """Crops the image as the model saw it, or the same region of the original."""

    name: ClassVar[str] = "image_zoom_in_tool"
    description: ClassVar[str] = (
        "Zoom in on a region of an image by cropping it to a bounding box, with an optional label."
    )
    arguments = ZoomArguments

    def run(self, arguments: ZoomArguments, context: ToolContext) -> ToolResult:
        """Cut the box out of image `img_idx`."""
        image = context.show(arguments.img_idx)
        box = context.box(arguments.bbox_2d, image)
        return ToolResult(
            image=context.images.cut(image, box),
            box=box.to(context.frame, image.extent),
            image_index=arguments.img_idx,
        )

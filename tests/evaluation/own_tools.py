"""A tool of a user's own, in a file; and a policy that calls it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from swift_deepeyes.tools import toolboxes
from tests.evaluation.policy_server import find_square, images_of, text_of

BOX = "marker_toolbox"
CODE = """
from PIL import ImageDraw
from pydantic import BaseModel

from swift_deepeyes.tools import NewImage, Tool, ToolContext, ToolResult, register_tool


class MarkArguments(BaseModel):
    bbox_2d: list[float]
    img_idx: int = 0


@register_tool("marker_toolbox")
class MarkTool(Tool[MarkArguments]):
    name = "draw_marker_tool"
    description = "Draw a red frame around a region of an image."
    arguments = MarkArguments

    def run(self, arguments: MarkArguments, context: ToolContext) -> ToolResult:
        image = context.show(arguments.img_idx)
        marked = image.view.copy()
        box = context.box(arguments.bbox_2d, image)
        ImageDraw.Draw(marked).rectangle(box.corners, outline="red", width=4)
        return ToolResult(image=NewImage(marked, image.place))
"""


def write_tool(folder: Path, name: str = "my_tools.py", code: str = CODE) -> Path:
    path = folder / name
    path.write_text(code)
    return path


@contextmanager
def registries_restored() -> Iterator[None]:
    before = {name: dict(tools) for name, tools in toolboxes._toolboxes.items()}
    try:
        yield
    finally:
        toolboxes._toolboxes.clear()
        toolboxes._toolboxes.update(before)


def mark(messages: list[dict[str, Any]], seed: int) -> str:
    """A policy that marks the coloured square once, then answers."""
    images = images_of(messages)
    if text_of(messages[-1]).replace("<image>", "") == "?":
        return "a probe"
    if len(images) > 1 or not any("draw_marker_tool" in text_of(m) for m in messages):
        return "<think>I see.</think><answer>A</answer>"
    call = {"name": "draw_marker_tool", "arguments": {"bbox_2d": [*find_square(images[0])]}}
    return f"<think>look</think><tool_call>{json.dumps(call)}</tool_call>"

"""`try_tool`: what it shows is what an episode does; a tool's own faults are told in one line."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image, ImageDraw
from pydantic import BaseModel

from swift_deepeyes.tools import (
    NewImage,
    Tool,
    ToolContext,
    ToolError,
    ToolFaultError,
    ToolResult,
    attempt,
    register_tool,
    toolboxes,
    try_tool,
)
from swift_deepeyes.tools.attempt import ToolTrialError
from tests.episode.helpers import call, make_episode, png

SCENE = Image.new("RGB", (1960, 1120), "white")
ImageDraw.Draw(SCENE).rectangle((490, 280, 979, 559), fill="red")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("DEEPEYES_CROP_SOURCE", "DEEPEYES_BBOX_FORMAT"):
        monkeypatch.delenv(name, raising=False)
    before = {name: dict(tools) for name, tools in toolboxes._toolboxes.items()}
    yield
    toolboxes._toolboxes.clear()
    toolboxes._toolboxes.update(before)


class NoArguments(BaseModel):
    text: str = ""


class Mine(Tool[NoArguments]):
    name = "mine"
    description = "Do as the test says."
    arguments = NoArguments

    def run(self, arguments: NoArguments, context: ToolContext) -> ToolResult:
        return self.result(context)

    def result(self, context: ToolContext) -> Any:
        return ToolResult(text="seen")


def test_the_example_in_the_docstring() -> None:
    module: ModuleType = attempt
    result = doctest.testmod(module)
    assert (result.failed, result.attempted) == (0, 6)


@pytest.mark.parametrize(
    ("family", "box"), [("qwen2_5_vl", [252, 140, 504, 280]), ("qwen3_vl", [250, 250, 500, 500])]
)
def test_the_box_counts_in_the_familys_frame(family: str, box: list[int], tmp_path: Path) -> None:
    tried = try_tool("visual_toolbox_v2", SCENE, {"bbox_2d": box}, family=family, max_pixels=602112)
    assert tried.status == "ok" and tried.error is None and tried.stop_reason is None
    assert tried.source_box == pytest.approx((490, 280, 980, 560), abs=2)
    assert tried.box is not None and tried.image is not None
    left, top, right, bottom = tried.box
    assert tried.image.size == (right - left, bottom - top)
    assert tried.image.convert("RGB").getpixel((60, 60)) == (255, 0, 0)
    assert tried.observation is not None and tried.observation.startswith("<tool_response><image>")
    tried.save(tmp_path / "tried.png")
    with Image.open(tmp_path / "tried.png") as saved:
        assert saved.width == tried.view.width + 12 + tried.image.width


def test_it_is_the_episodes_own_reading() -> None:
    """The same turn, driven as the hosts drive it, gives the same message."""
    turn = call(bbox_2d=[0, 0, 10, 10])
    observation = make_episode(png(1960, 1120)).advance(turn, tokens=1, truncated=False)
    tried = try_tool("image_zoom_in_tool", SCENE, turn, max_pixels=602112)
    assert observation is not None and tried.observation == observation.text
    assert tried.error == observation.text.split("<tool_response>")[1].split("\nThink")[0]
    assert (tried.status, tried.image, tried.box) == ("box_too_small", None, None)


def test_arguments_as_json_as_a_dict_as_a_whole_call_or_a_whole_turn() -> None:
    box = {"bbox_2d": [0, 0, 200, 200]}
    for written in (
        box,
        '{"bbox_2d": [0, 0, 200, 200]}',
        {"name": "image_zoom_in_tool", "arguments": box},
        call(**box),
    ):
        assert try_tool("visual_toolbox_v2", SCENE, written).status == "ok"
    assert try_tool("visual_toolbox_v2", SCENE, "{'bbox_2d': 1}").status == "malformed_call"
    answered = try_tool("visual_toolbox_v2", SCENE, "<answer>red</answer>")
    assert (answered.status, answered.observation, answered.stop_reason) == (None, None, "answered")


def test_a_class_an_object_a_toolbox_or_a_name(tmp_path: Path) -> None:
    SCENE.save(tmp_path / "scene.png")
    register_tool("mine_box")(Mine)
    for tool in (Mine, Mine(), "mine_box", "mine"):
        tried = try_tool(tool, tmp_path / "scene.png", {})
        assert tried.status == "ok" and "seen" in (tried.observation or "")


def test_the_models_mistake_is_a_result() -> None:
    class Refusing(Mine):
        def result(self, context: ToolContext) -> Any:
            raise ToolError("Not this one.")

    assert try_tool(Refusing, SCENE, {}).error == "Not this one."


FAULTS: dict[str, tuple[object, str]] = {
    "a bug": (lambda context: 1 / 0, "ZeroDivisionError: division by zero"),
    "no result": (lambda context: None, "what run returns must be of type ToolResult, not None"),
    "a text": (lambda context: "red", "what run returns must be of type ToolResult, not str"),
    "a bare image": (
        lambda context: ToolResult(image=context.show(0).view),
        "the image of ToolResult(image=NewImage(picture)) must be of type NewImage, not Image",
    ),
    "an array": (
        lambda context: ToolResult(image=NewImage([1])),  # type: ignore[arg-type]
        "what a NewImage holds must be of type Image, not list",
    ),
    "an empty image": (
        lambda context: ToolResult(image=NewImage(Image.new("RGB", (0, 5)))),
        "the image of a ToolResult is empty (0x5 pixels)",
    ),
    "a thread": (
        lambda context: ToolResult(image=NewImage(Image.new("RGB", (1, 500)))),
        "ValueError: absolute aspect ratio must be smaller than 200",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_the_tool_is_one_message_and_no_run_ends(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    result, message = FAULTS[kind]

    class Faulty(Mine):
        def result(self, context: ToolContext) -> Any:
            return result(context)  # type: ignore[operator]

    with pytest.raises(ToolFaultError) as error:
        try_tool(Faulty, SCENE, {})
    assert message in str(error.value) and "\n" not in str(error.value)
    assert "'The tool failed; go on without it.'" in str(error.value)
    assert "Traceback" in caplog.text


def test_an_image_of_any_mode_is_shown() -> None:
    class Grey(Mine):
        def result(self, context: ToolContext) -> Any:
            return ToolResult(image=NewImage(context.show(0).view.convert("CMYK")))

    assert try_tool(Grey, SCENE, {}).image is not None


def test_a_class_that_lacks_something_is_told_when_it_is_registered() -> None:
    cases: list[tuple[Any, str]] = [
        (type("T", (Mine,), {"description": ""}), "T has no description: description ="),
        (type("T", (Mine,), {"name": None}), "T has no name: name ="),
        (type("T", (Mine,), {"arguments": dict}), "T has no arguments: a class derived of"),
        (type("T", (Tool,), {"name": "t"}), "T has no run: def run(self, arguments, context)"),
        (dict, "dict is no tool: derive it from swift_deepeyes.tools.Tool"),
    ]
    for made, message in cases:
        for use in (register_tool("mine_box"), lambda made: try_tool(made, SCENE, {})):
            with pytest.raises(toolboxes.ToolDefinitionError) as error:
                use(made)
            assert str(error.value).startswith(message)


def test_nothing_to_try_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no image")
    cases: list[tuple[Any, str]] = [
        (("nope", SCENE, {}), "no toolbox and no tool is registered as 'nope'; there are .*visual"),
        (("visual_toolbox_v2", tmp_path / "away.png", {}), "no such file"),
        (("visual_toolbox_v2", tmp_path / "x.png", {}), "no known format"),
    ]
    for arguments, message in cases:
        with pytest.raises(ToolTrialError, match=message):
            try_tool(*arguments)
    with pytest.raises(ToolTrialError, match="'gpt' is no family; there are qwen2_vl"):
        try_tool("visual_toolbox_v2", SCENE, {}, family="gpt")


def test_a_call_as_qwen3_5_writes_it() -> None:
    text = "<tool_call>\n<function=image_zoom_in_tool>\n<parameter=bbox_2d>\n[250, 250, 500, 500]\n"
    text += "</parameter>\n</function>\n</tool_call>"
    tried = try_tool("visual_toolbox_v2", SCENE, text, family="qwen3_5")
    assert (tried.status, tried.source_box) == ("ok", (490.0, 280.0, 980.0, 560.0))
    refused = try_tool(
        "visual_toolbox_v2", SCENE, text.replace("</function>", ""), family="qwen3_5"
    )
    assert "not closed with </function>" in (refused.error or "")
    assert "<function=image_zoom_in_tool>" in (refused.error or "")

"""What a tool costs: one class with one decorator. The rest follows from the registration."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from PIL import ImageOps
from pydantic import BaseModel

from swift_deepeyes import tools
from swift_deepeyes.episode.trajectory import Trajectory
from swift_deepeyes.metrics.counts import sums_of, worth_a_curve
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.tools import NewImage, Tool, ToolContext, ToolError, ToolResult, register_tool
from swift_deepeyes.tools.toolboxes import _toolboxes, tool_schemas, toolbox_of_row
from tests.episode.helpers import call, make_episode

BOX = "mirror_toolbox"


class MirrorArguments(BaseModel):
    img_idx: int = 0
    axis: str = "x"


@pytest.fixture(autouse=True)
def mirror_tool() -> Iterator[None]:
    @register_tool(BOX)
    class MirrorTool(Tool[MirrorArguments]):
        name = "image_mirror_tool"
        description = "Mirror an image."
        arguments = MirrorArguments

        def run(self, arguments: MirrorArguments, context: ToolContext) -> ToolResult:
            if arguments.axis not in ("x", "y"):
                raise ToolError("The axis is x or y.", kind="bad_axis")
            if arguments.axis == "y":
                raise ToolError("Not along y.")
            image = context.show(arguments.img_idx)
            return ToolResult(image=NewImage(ImageOps.mirror(image.view)))

    yield
    del _toolboxes[BOX]


def play(*axes: str) -> Trajectory:
    episode = make_episode(toolbox=toolbox_of_row(BOX, ""))
    for axis in axes:
        text = call("image_mirror_tool", axis=axis)
        assert episode.advance(text, tokens=9, truncated=False) is not None
    episode.advance("<answer>red</answer>", tokens=9, truncated=False)
    return episode.record


def logged(trajectory: Trajectory, number: int) -> LoggedTrajectory:
    return LoggedTrajectory(
        id=f"t{number}", group="g", step=1, source="mine", trajectory=trajectory
    )


def test_an_episode_and_its_record_know_the_tool() -> None:
    record = play("x", "z", "y")
    assert [call.status for call in record.calls] == ["ok", "bad_axis", "refused"]
    assert record.crops == 1 and record.toolbox == BOX
    assert "The axis is x or y." in (record.turns[1].observation or "")
    again = Trajectory.model_validate(json.loads(json.dumps(record.model_dump(mode="json"))))
    assert again == record


def test_kinds_of_failure_have_curves_of_their_own() -> None:
    records = [logged(play("x", "z", "z"), 0), logged(play("x"), 1)]
    values = sums_of(records).values()
    # Of all four calls, also where one trajectory has none of the kind, and across ranks.
    assert values["deepeyes/tool_calls/failed/bad_axis"] == pytest.approx(2 / 4)
    ranks = sums_of(records[:1])
    ranks.add(sums_of(records[1:]))
    assert ranks.values() == values
    assert worth_a_curve("deepeyes/tool_calls/failed/bad_axis", 0.5)
    assert "deepeyes/tool_calls/failed/refused" not in values


def test_the_prompt_can_show_it() -> None:
    (schema,) = tool_schemas(BOX)
    assert schema["function"]["name"] == "image_mirror_tool"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Bad Axis!", "bad_axis"),
        ("ok", "refused"),
        ("", "refused"),
        ("a/b" * 40, ("a_b" * 40)[:40]),
    ],
)
def test_any_kind_becomes_a_part_of_a_curves_name(kind: str, name: str) -> None:
    assert ToolError("no", kind=kind).kind == name


def test_the_first_editions_form_still_works() -> None:
    error = ToolError(tools.CallStatus.BAD_BOX, "no box")
    assert (error.kind, error.message, str(error)) == ("bad_box", "no box", "no box")


def test_built_in_tools_are_found_in_their_folder() -> None:
    names = [schema["function"]["name"] for schema in tool_schemas(tools.OFFICIAL_TOOLBOX)]
    assert names == ["image_zoom_in_tool", "image_rotate_tool"]

"""What a model is told about a call that cannot be run: the mistake by its name, and the form."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from swift_deepeyes.episode.calls import MAX_DEPTH, MalformedCall, ToolCall, read_call
from swift_deepeyes.episode.result import ToolResult
from swift_deepeyes.episode.tool import Tool, Toolbox, ToolContext, ToolError
from swift_deepeyes.episode.trajectory import CallStatus, Trajectory
from swift_deepeyes.tools import OFFICIAL_TOOLBOX, toolbox_of_row
from swift_deepeyes.tools.rotate import RotateTool
from swift_deepeyes.tools.zoom import ZoomTool
from tests.episode.helpers import make_episode

GOOD = '{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [10, 20, 110, 120]}}'
FORM = '{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [10, 20, 100, 200]}}'

MISTAKES = {
    "": "nothing between the tags",
    "   \n": "nothing between the tags",
    GOOD.replace('"', "'"): "single quotes",
    '{"name": \'zoom\', "arguments": {}}': "single quotes",
    GOOD.replace("120]", "120,]"): "a comma stands before a closing",
    GOOD[:-1] + ",}": "a comma stands before a closing",
    GOOD[:-1]: "ends too early; a closing brace or bracket is missing",
    GOOD[:-2]: "ends too early; a closing brace or bracket is missing",
    GOOD[:-3]: "ends too early; a closing brace or bracket is missing",
    GOOD[:-10] + "\n": "ends too early; a closing brace or bracket is missing",
    GOOD.replace("120]", "120"): "a comma, a quote or a closing bracket is missing",
    GOOD + "}": "closing brace or bracket too many",
    GOOD[1:]: "the opening brace is missing",
    GOOD + GOOD: "two JSON objects",
    GOOD + "\n" + GOOD: "two JSON objects",
    GOOD + ", " + GOOD: "two JSON objects",
    GOOD + " and so on": "something follows the JSON object",
    f"[{GOOD}]": "is a list",
    f"[{GOOD}, {GOOD}]": "is a list",
    f"```json\n{GOOD}\n```": "code fence",
    "image_zoom_in_tool(bbox_2d=[1, 2, 3, 4])": "written as a function call",
    "tools.zoom (1)": "written as a function call",
    "<function=zoom><parameter=bbox_2d>[1]</parameter></function>": "begins with a tag",
    GOOD.replace("[10, 20, 110, 120]", "None"): "a word of Python",
    GOOD.replace("10,", "True,"): "a word of Python",
    GOOD.replace("[10, 20, 110, 120]", "NaN"): "NaN and Infinity",
    GOOD.replace("10,", "-Infinity,"): "NaN and Infinity",
    GOOD.replace("10,", "1e999,"): "a number in it is too large",
    GOOD.replace("10,", "9" * 40 + ","): "a number in it is too large",
    GOOD.replace('"name"', "name"): "a name must stand in double quotes",
    GOOD.replace('"name"', "“name”"): "typographic",
    GOOD.replace('"name":', '"name"'): "a colon is missing",
    GOOD.replace('"name": "image_zoom_in_tool",', '"name": "image_zoom_in_tool"'): "a comma",
    GOOD.replace('tool", ', 'tool, '): "a comma, a quote or a closing bracket is missing",
    '{"name": "zoom': "a text is not closed",
    GOOD.replace("tool", "to\nol"): "a line break",
    GOOD.replace("zoom", "\\zoom"): "a backslash",
    GOOD.replace("[10", "(10"): "a value is missing",
    GOOD.replace("10,", "10, // left\n"): "a comment",
    "zoom in on the ball": "a value is missing",
    '"zoom"': "is a text",
    "3": "is a number",
    "null": "is null",
    "true": "is a truth value",
    "{}": 'has no "name"',
    '{"arguments": {}}': 'has no "name"',
    '{"name": 3, "arguments": {}}': "must be the name of a tool",
    '{"name": "", "arguments": {}}': "must be the name of a tool",
    '{"name": "image_zoom_in_tool"}': 'has no "arguments"',
    '{"name": "image_zoom_in_tool", "parameters": {}}': 'has no "arguments"',
    '{"name": "image_zoom_in_tool", "arguments": [1, 2]}': "are a list",
    '{"name": "image_zoom_in_tool", "arguments": 5}': "are a number",
    '{"name": "image_zoom_in_tool", "arguments": null}': "are null",
    '{"name": "image_zoom_in_tool", "arguments": "{bbox}"}': 'text in "arguments" is not valid',
    '{"name": "image_zoom_in_tool", "arguments": "[1]"}': "are a list",
    GOOD.replace("[10, 20, 110, 120]", '"\\ud83d"'): "half a character",
    GOOD.replace("bbox_2d", "\\udc00"): "half a character",
    GOOD.replace("[10, 20, 110, 120]", "[" * 300 + "]" * 300): "nested deeper",
    GOOD.replace("[10, 20, 110, 120]", '{"a":' * 300 + "1" + "}" * 300): "nested deeper",
    GOOD.replace("[10, 20, 110, 120]", "[" * 3000 + "]" * 3000): "nested deeper",
    GOOD.replace("120]", "120" + ", 1" * 4000 + "]"): "longer than 8192 characters",
}  # fmt: skip


@pytest.mark.parametrize("body", MISTAKES, ids=range(len(MISTAKES)))
def test_each_mistake_has_its_own_words_and_the_form_of_a_right_call(body: str) -> None:
    call = read_call(body)
    assert isinstance(call, MalformedCall) and MISTAKES[body] in call.message
    episode = make_episode()
    observation = episode.advance(f"<tool_call>{body}</tool_call>", tokens=1, truncated=False)
    assert observation is not None and not observation.images
    assert call.message in observation.text
    assert f"<tool_call>{FORM}</tool_call>" in observation.text
    assert episode.record.turns[0].calls[0].status is CallStatus.MALFORMED_CALL
    assert Trajectory.model_validate_json(episode.record.model_dump_json()) == episode.record


def test_the_place_is_told() -> None:
    call = read_call(GOOD.replace("120]", "120,]"))
    assert isinstance(call, MalformedCall)
    assert f"at character {GOOD.index('120]') + 5} of {len(GOOD) + 1}" in call.message


def test_a_call_without_an_end_and_one_within_another() -> None:
    for text, told in (
        (f"<tool_call>{GOOD}", "not closed with its end tag"),
        (f"<tool_call>{GOOD} <tool_call>{GOOD}</tool_call>", "begins before the one before it"),
    ):
        observation = make_episode().advance(text, tokens=1, truncated=False)
        assert observation is not None and told in observation.text and FORM in observation.text


def test_the_form_is_that_of_the_tool_that_was_called() -> None:
    for body in (
        '{"name": "image_rotate_tool"}',
        '{"name": "image_rotate_tool", "arguments": 3}',
        '{"name": "image_rotate_tool", "arguments": {}}',
        '{"name": "image_rotate_tool", "arguments": {"angle": "much"}}',
    ):
        observation = make_episode().advance(
            f"<tool_call>{body}</tool_call>", tokens=1, truncated=False
        )
        assert observation is not None
        assert '{"name": "image_rotate_tool", "arguments": {"angle": ' in observation.text


def test_an_unknown_argument_in_the_place_of_a_needed_one() -> None:
    with pytest.raises(ToolError, match="bbox_2d is missing") as caught:
        ZoomTool().read_arguments({"box": [1, 2, 3, 4]})
    assert "bbox_2d, label, img_idx" in caught.value.message


@pytest.mark.parametrize("index", [0, 0.0, "0", " 0 ", "0.0", None])
@pytest.mark.parametrize(
    "box",
    [[10, 20, 110, 120], ["10", "20", "110", "120"], "[10, 20, 110, 120]", [10.0, "20", 110, 120]],
)
def test_numbers_as_text_and_nulls_are_read(index: object, box: object) -> None:
    body = json.dumps(
        {"name": "image_zoom_in_tool", "arguments": {"bbox_2d": box, "img_idx": index}}
    )
    episode = make_episode()
    observation = episode.advance(f"<tool_call>{body}</tool_call>", tokens=1, truncated=False)
    assert observation is not None and len(observation.images) == 1
    record = episode.record.turns[0].calls[0]
    assert (record.image_index, record.box) == (0, (10.0, 20.0, 110.0, 120.0))


@pytest.mark.parametrize("index", [True, 0.5, "first", "", [0], {}, "0x0", 1e300])
def test_what_is_no_image_number_is_refused(index: object) -> None:
    for tool, needed in ((ZoomTool(), {"bbox_2d": [1, 2, 3, 4]}), (RotateTool(), {"angle": 9})):
        with pytest.raises(ToolError, match="img_idx is not right") as caught:
            tool.read_arguments({**needed, "img_idx": index})
        assert caught.value.kind == CallStatus.BAD_ARGUMENTS


@pytest.mark.parametrize(
    "box", [None, "10", "[1, 2", ["a", "b", "c", "d"], ["1", None, "3", "4"], "[1, 2, true, 4]"]
)
def test_what_is_no_box_is_refused(box: object) -> None:
    body = json.dumps({"name": "image_zoom_in_tool", "arguments": {"bbox_2d": box}})
    episode = make_episode()
    assert episode.advance(f"<tool_call>{body}</tool_call>", tokens=1, truncated=False)
    assert episode.record.turns[0].calls[0].status is CallStatus.BAD_BOX


def test_the_prompts_schema_did_not_change() -> None:
    index = ZoomTool().schema()["function"]["parameters"]["properties"]["img_idx"]
    assert (index["type"], index["default"]) == ("integer", 0)


class Circle(BaseModel):
    kind: Literal["circle"]


class Square(BaseModel):
    kind: Literal["square"]


class OwnArguments(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: int
    points: list[float] = Field(min_length=1, examples=[[0.5, 1.5]])
    mode: Literal["fast", "slow"] = "fast"
    scale: float = 1.0
    limit: int | None = 5
    names: dict[str, int] = {}
    shape: Circle | Square | None = Field(default=None, discriminator="kind")


class OwnTool(Tool[OwnArguments]):
    name: ClassVar[str] = "own_tool"
    description: ClassVar[str] = "Does something."
    arguments = OwnArguments

    def run(self, arguments: OwnArguments, scene: ToolContext) -> ToolResult:
        return ToolResult(text="done")


def test_slips_are_read_for_a_users_own_tool_too() -> None:
    read = OwnTool().read_arguments(
        {"count": "3", "points": "[1, 2]", "mode": None, "scale": None, "limit": None}
    )
    assert (read.count, read.points, read.mode, read.scale) == (3, [1.0, 2.0], "fast", 1.0)
    assert read.limit is None  # null has a meaning of its own here
    assert OwnTool().read_arguments({"count": 3.0, "points": ["1", 2]}).points == [1.0, 2.0]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"points": [1]}, "count is missing"),
        ({"count": None, "points": [1]}, "count is missing"),
        ({"count": "many", "points": [1]}, "count is not right"),
        ({"count": 1, "points": [1], "<image>": 1}, "a name that the tool does not know"),
        ({"count": 1, "points": [1], "mode": "<image>"}, "mode is not right"),
        ({"count": 1, "points": [1], "names": {"<image>": "x"}}, "names is not right"),
        ({"count": 1, "points": []}, "points is not right"),
        ({"count": 1, "points": [1], "shape": {"kind": "<image>"}}, "shape is none of the kinds"),
    ],
)
def test_a_users_own_arguments_are_explained_without_an_echo(
    written: dict[str, Any], told: str
) -> None:
    with pytest.raises(ToolError, match=told) as caught:
        OwnTool().read_arguments(written)
    assert "<image>" not in caught.value.message and "many" not in caught.value.message


def test_the_form_of_a_users_own_tool_can_be_called() -> None:
    form = json.loads(OwnTool().example_call())
    assert form == {"name": "own_tool", "arguments": {"count": 1, "points": [0.5, 1.5]}}
    OwnTool().read_arguments(form["arguments"])
    zoom = toolbox_of_row(OFFICIAL_TOOLBOX, "")
    assert zoom is not None
    for tool in zoom.tools.values():
        tool.read_arguments(json.loads(tool.example_call())["arguments"])
    assert Toolbox("empty", {}).form() == ""


class Strange(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    what: StringIO
    more: int = 1


class StrangeTool(Tool[Strange]):
    name: ClassVar[str] = "strange_tool"
    description: ClassVar[str] = "Takes what no JSON schema describes."
    arguments = Strange

    def run(self, arguments: Strange, scene: ToolContext) -> ToolResult:
        return ToolResult(text="done")


def test_types_without_a_schema_do_not_end_a_run() -> None:
    assert json.loads(StrangeTool().example_call())["arguments"] == {"what": "..."}
    episode = make_episode(toolbox=Toolbox("mine", {"strange_tool": StrangeTool()}))
    text = '<tool_call>{"name": "strange_tool", "arguments": {"what": 3}}</tool_call>'
    observation = episode.advance(text, tokens=1, truncated=False)
    assert observation is not None and '"what": "..."' in observation.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("\udfff"), inner),
    max_leaves=20,
)


@given(st.text() | JSON.map(json.dumps) | st.dictionaries(st.text(), JSON).map(json.dumps))
def test_any_body_is_a_call_or_a_mistake_in_words(body: str) -> None:
    call = read_call(body)
    if isinstance(call, ToolCall):
        json.dumps(call.arguments, allow_nan=False, ensure_ascii=False).encode()
    else:
        assert call.message.endswith(".") and "<image>" not in call.message


@given(st.text(alphabet="{}[]\"':,.0123456789truefalsnN \\\n-", max_size=60))
def test_messages_repeat_nothing_of_what_the_model_wrote(body: str) -> None:
    marked = read_call(body + "SECRET<image>")
    assert isinstance(marked, MalformedCall)
    assert "SECRET" not in marked.message and "<image>" not in marked.message


@given(st.integers(MAX_DEPTH - 3, MAX_DEPTH + 3), st.sampled_from(["[", '{"a":']))
def test_depth_is_bounded_and_what_passes_can_be_written_again(depth: int, opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    inner = opening * depth + "1" + closing * depth
    call = read_call(f'{{"name": "t", "arguments": {{"label": {inner}}}}}')
    assert isinstance(call, ToolCall) is (depth + 2 <= MAX_DEPTH)

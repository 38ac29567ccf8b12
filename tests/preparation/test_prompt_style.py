"""The corrected prompt: one word of the schema, and nothing else."""

from __future__ import annotations

import json

import pytest

from swift_deepeyes.preparation.prompt_style import corrected_prompt
from swift_deepeyes.tools.zoom import ZoomTool
from tests.preparation import published

BOX = "visual_toolbox_v2"


def corrected(text: str, env_name: str = BOX) -> str:
    return corrected_prompt([{"role": "system", "content": text}], env_name)[0]["content"]


def test_only_the_required_argument_changes() -> None:
    text = corrected(published.TOOL_SYSTEM)
    assert text == published.TOOL_SYSTEM.replace('"required":["bbox"]', '"required":["bbox_2d"]')


def test_what_is_required_is_what_our_tool_requires() -> None:
    signature = json.loads(corrected(published.TOOL_SYSTEM).splitlines()[5])
    parameters = signature["function"]["parameters"]
    ours = ZoomTool().schema()["function"]["parameters"]
    assert parameters["required"] == ours["required"]
    assert set(parameters["properties"]) <= set(ours["properties"])
    assert ZoomTool.arguments.model_validate(dict.fromkeys(parameters["required"], 1))


def test_correcting_twice_is_correcting_once() -> None:
    once = corrected(published.TOOL_SYSTEM)
    assert corrected(once) == once


def test_indentation_and_spaces_stay() -> None:
    spaced = "<tools>\n    " + json.dumps(json.loads(published.SIGNATURE)) + "\n</tools>"
    wanted = spaced.replace('"required": ["bbox"]', '"required": ["bbox_2d"]')
    assert corrected(spaced) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "no tools",
        "<tools>image_zoom_in_tool</tools>",
        "<tools>\nnot json image_zoom_in_tool\n</tools>",
        '<tools>\n{"function":{"name":"image_zoom_in_tool"}}\n</tools>',
        '<tools>\n{"function":{"name":"other","parameters":{"required":["bbox"]}}}\n</tools>',
        '<tools>\n["image_zoom_in_tool"]\n</tools>',
    ],
)
def test_what_is_not_such_a_schema_stays(text: str) -> None:
    assert corrected(text) == text


def test_a_row_without_a_tool_and_a_user_text_stay() -> None:
    assert corrected(published.TOOL_SYSTEM, "none") == published.TOOL_SYSTEM
    messages = [{"role": "user", "content": published.TOOL_SYSTEM}]
    assert corrected_prompt(messages, BOX) == messages

"""The family's words: which parts of a prompt change, for whom, and what stays as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swift_deepeyes.episode.boxes import Frame
from swift_deepeyes.episode.family import Family
from swift_deepeyes.settings import BoxFormat
from swift_deepeyes.tools.family_prompt import (
    EXAMPLES,
    STATEMENTS,
    Announcement,
    PromptForm,
    Rewriting,
    corrected_column,
    form_of_family,
    in_form,
    shows_json_calls,
    stated_frame,
)
from swift_deepeyes.tools.prompt import tool_system_prompt
from swift_deepeyes.tools.toolboxes import tool_schemas
from tests.dataset import lookalike
from tests.preparation import published

BOX = "visual_toolbox_v2"
QUESTION = f"<image>\nWhat is at [10, 20, 100, 200] px?{lookalike.INSTRUCTION}"
FORMS = {
    (family, box_format): form_of_family(family, box_format)
    for family in Family
    for box_format in BoxFormat
}
NORM = FORMS[Family.QWEN3_VL, BoxFormat.AUTO]
XML = FORMS[Family.QWEN3_5, BoxFormat.AUTO]
PIXELS = FORMS[Family.QWEN2_5_VL, BoxFormat.AUTO]
SAID = STATEMENTS[Frame.NORM1000]


def row(system: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": QUESTION}]


def told(system: str, form: PromptForm, tools: Any = None, env_name: object = BOX) -> Announcement:
    return in_form(row(system), tools, env_name, form)


def box_of(signature: dict[str, Any]) -> dict[str, Any]:
    return signature["function"]["parameters"]["properties"]["bbox_2d"]


def test_forms_follow_family_and_box_format() -> None:
    assert FORMS[Family.QWEN3_VL, BoxFormat.AUTO] == PromptForm(
        frame=Frame.NORM1000, is_stated=True
    )
    assert PromptForm(frame=Frame.PIXEL, is_stated=False) == PIXELS
    assert FORMS[Family.QWEN3_VL, BoxFormat.PIXEL].is_stated
    assert FORMS[Family.QWEN2_5_VL, BoxFormat.NORM1000].frame is Frame.NORM1000
    assert {family for family in Family if FORMS[family, BoxFormat.AUTO].in_column} == {
        Family.QWEN3_5
    }


def test_three_places_of_the_published_prompt_change_and_no_other() -> None:
    made = told(published.TOOL_SYSTEM, NORM)
    description = '"description":"x1, y1, x2, y2"'
    expected = (
        published.TOOL_SYSTEM.replace(description, f'{description[:-1]} {SAID}"')
        .replace('"required":["bbox"]', '"required":["bbox_2d"]')
        .replace("[10, 20, 100, 200]", "[250, 400, 500, 750]")
    )
    assert made == Announcement(row(expected), None, Rewriting.REWRITTEN)
    assert made.messages[1]["content"] == QUESTION


def test_the_published_words_are_meant_for_pixel_families() -> None:
    made = told(published.TOOL_SYSTEM, PIXELS)
    assert made.messages == row(published.TOOL_SYSTEM.replace('["bbox"]', '["bbox_2d"]'))


@pytest.mark.parametrize("system", [published.TOOL_SYSTEM, tool_system_prompt()])
@pytest.mark.parametrize("form", list(dict.fromkeys(FORMS.values())), ids=str)
def test_rewriting_twice_is_rewriting_once(system: str, form: PromptForm) -> None:
    once = told(system, form)
    twice = in_form(once.messages, once.tools, BOX, form)
    assert (twice.messages, twice.tools) == (once.messages, once.tools)
    assert twice.rewriting is Rewriting.AS_WANTED
    assert stated_frame(once.messages, once.tools) == (form.frame if form.is_stated else None)


@pytest.mark.parametrize("system", [published.TOOL_SYSTEM, tool_system_prompt()])
def test_rows_of_one_family_can_become_another_ones(system: str) -> None:
    forms = [form for form in dict.fromkeys(FORMS.values()) if not form.in_column]
    for first in forms:
        for second in forms:
            by_way_of = in_form(told(system, first).messages, None, BOX, second)
            assert by_way_of.messages == told(system, second).messages


def test_a_template_that_words_calls_itself_gets_the_tools_in_the_column() -> None:
    made = told(published.TOOL_SYSTEM + "\n\nAnswer in English.", XML)
    system = "You are a helpful assistant.\n\nAnswer in English."
    assert made.messages == row(system)
    (signature,) = json.loads(made.tools)
    expected = json.loads(published.SIGNATURE)
    box_of(expected)["description"] += f" {SAID}"
    expected["function"]["parameters"]["required"] = ["bbox_2d"]
    assert signature == expected
    assert not shows_json_calls(made.messages) and shows_json_calls(row(published.TOOL_SYSTEM))


def test_nothing_is_left_of_a_system_prompt_that_only_announced() -> None:
    text = published.TOOL_SYSTEM.partition("\n\n")[2]
    assert told(text, XML).messages == row("")[1:]


COLUMNS: dict[str, Any] = {
    "json": json.dumps([json.loads(published.SIGNATURE)]),
    "one object": json.loads(published.SIGNATURE),
    "list": [json.loads(published.SIGNATURE)],
    "list of json": [published.SIGNATURE],
    "without its frame": [json.loads(published.SIGNATURE)["function"]],
    "filled by Arrow": [{**json.loads(published.SIGNATURE), "strict": None}],
}


@pytest.mark.parametrize("form", [NORM, XML], ids=["text", "column"])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_tools_column_of_any_shape(name: str, form: PromptForm) -> None:
    made = told("Look closely.", form, COLUMNS[name])
    (signature,) = json.loads(made.tools)
    assert box_of(signature)["description"] == f"x1, y1, x2, y2 {SAID}"
    assert signature["function"]["parameters"]["required"] == ["bbox_2d"]
    assert signature.keys() == {"type", "function"}
    assert made.messages == row("Look closely.") and made.rewriting is Rewriting.REWRITTEN
    assert told("Look closely.", form, made.tools).tools is made.tools


def test_tools_in_both_places_are_told_once_in_the_column() -> None:
    made = told(published.TOOL_SYSTEM, XML, COLUMNS["json"])
    assert len(json.loads(made.tools)) == 1
    assert made.messages == row("You are a helpful assistant.")


@pytest.mark.parametrize("frame", EXAMPLES)
def test_our_own_prompt_and_tools(frame: Frame) -> None:
    form = PromptForm(frame=frame, is_stated=True)
    text = told(tool_system_prompt(), form).messages[0]["content"]
    assert STATEMENTS[frame] in text and str(list(EXAMPLES[frame])) in text
    column = told("", form, tool_schemas(BOX)).tools
    assert STATEMENTS[frame] in column and len(json.loads(column)) == 2  # zoom and rotate


def described(words: str) -> str:
    return published.TOOL_SYSTEM.replace('"x1, y1, x2, y2"', json.dumps(words))


OTHERS = {
    "no signature": lookalike.TOOL_SYSTEM,
    "prose": "Call image_zoom_in_tool with a box in pixels.",
    "not JSON": "<tools>\nimage_zoom_in_tool(bbox_2d)\n</tools>",
    "another argument": published.TOOL_SYSTEM.replace('"bbox_2d":{', '"box":{'),
    "pixels": described("x1, y1, x2, y2 in pixels"),
    "absolute": described("Absolute coordinates x1, y1, x2, y2"),
    "thousandths": described("four numbers, 0-1000"),
    "thousandths in words": described("between 0 and 1000"),
    "fractions": described("x1, y1, x2, y2 in [0, 1]"),
    "Chinese": described("左上角和右下角的像素坐标"),
    "of the function": published.TOOL_SYSTEM.replace("Zoom in on a", "With pixels, zoom in on a"),
    "a tool of nobody's": published.TOOL_SYSTEM.replace("image_zoom_in_tool", "image_zoom"),
}


@pytest.mark.parametrize("form", [NORM, XML, PIXELS], ids=["text", "column", "pixels"])
@pytest.mark.parametrize("name", OTHERS)
def test_other_words_stay_as_they_are(name: str, form: PromptForm) -> None:
    assert told(OTHERS[name], form) == Announcement(row(OTHERS[name]), None, Rewriting.OTHER_WORDS)


@pytest.mark.parametrize(
    "more", ["\n\n# Rules\nNever zoom twice.\n<tool_call>{}</tool_call>", "\n## More\n</tool_call>"]
)
def test_what_stands_between_is_not_taken_out(more: str) -> None:
    assert told(published.TOOL_SYSTEM + more, XML).rewriting is Rewriting.OTHER_WORDS
    assert told(published.TOOL_SYSTEM + more, NORM).messages[0]["content"].endswith(more)


def test_an_example_of_the_users_own_stays() -> None:
    own = published.TOOL_SYSTEM.replace("[10, 20, 100, 200]", "[12, 20, 100, 200]")
    assert "[12, 20, 100, 200]" in told(own, NORM).messages[0]["content"]
    beside = published.TOOL_SYSTEM + "\nThe door is at [10, 20, 100, 200]."
    assert told(beside, NORM).messages[0]["content"].endswith("at [10, 20, 100, 200].")


@pytest.mark.parametrize("env_name", ["", "none", None])
def test_rows_without_a_tool(env_name: object) -> None:
    messages = [*row(published.MATH_SYSTEM)[:1], {"role": "user", "content": "<image>\nHow many?"}]
    made = in_form(messages, None, env_name, XML)
    assert made == Announcement(messages, None, Rewriting.WITHOUT_TOOL)
    assert told(published.TOOL_SYSTEM, XML, env_name=None).rewriting is Rewriting.REWRITTEN


def test_tools_of_files_that_are_not_loaded_are_other_words() -> None:
    for env_name in ("somebodys_tools", None):
        text = "<tools>\n{}\n</tools>"
        assert told(text, NORM, env_name=env_name).rewriting is Rewriting.OTHER_WORDS


@pytest.mark.parametrize(
    "tools", ["{", "[]", "[null]", 3, ["x"], [{"function": 1}], {"a": "image_zoom_in_tool"}]
)
def test_no_column_raises(tools: Any) -> None:
    made = told("image_zoom_in_tool", XML, tools)
    assert made.tools is tools and made.rewriting is Rewriting.OTHER_WORDS
    assert corrected_column(tools, BOX) is tools


def test_the_corrected_column() -> None:
    (signature,) = json.loads(corrected_column(COLUMNS["json"], BOX))
    assert signature["function"]["parameters"]["required"] == ["bbox_2d"]
    assert box_of(signature)["description"] == "x1, y1, x2, y2"

"""Our forms of a call against ms-swift's own agent templates, and the `tools` column."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swift_deepeyes.demo.families import FAMILIES, family_template
from swift_deepeyes.episode.calls import ToolCall
from swift_deepeyes.episode.dialects.dialect import Dialect
from swift_deepeyes.episode.dialects.registry import READERS, dialects_of
from swift_deepeyes.episode.family import Family
from swift_deepeyes.ms_swift.compat import agent_template_name, render_prompt
from swift_deepeyes.ms_swift.request import Prompt
from swift_deepeyes.tools.toolboxes import OFFICIAL_TOOLBOX, tool_schemas, toolbox_of_row
from swift_deepeyes.tools.zoom import ZoomArguments

CALLS: list[dict[str, Any]] = [
    {"bbox_2d": [10, 20, 100, 200]},
    {"bbox_2d": [1.5, 20, 100, 200], "label": 'the "red" ball', "img_idx": 0},
    {
        "bbox_2d": [1, 2, 3, 4],
        "label": "two\nlines",
        "flag": True,
        "none": None,
        "more": {"a": [1]},
    },
]


def written_by(template: Any, arguments: dict[str, Any]) -> str:
    """A call as ms-swift writes it for the model: what supervised training teaches."""
    content = json.dumps({"name": "image_zoom_in_tool", "arguments": arguments})
    agent = template.agent_template
    return str(agent._format_tool_calls([{"role": "tool_call", "content": content}]))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("arguments", CALLS, ids=range(len(CALLS)))
def test_what_ms_swift_writes_is_read_and_what_we_write_is_the_same(
    family: str, arguments: dict[str, Any]
) -> None:
    template = family_template(family)
    dialects = dialects_of(agent_template_name(template), "")
    theirs, ours = (
        written_by(template, arguments),
        READERS[dialects.taught].write("image_zoom_in_tool", arguments),
    )
    if dialects.taught is Dialect.QWEN3_CODER:
        assert ours == theirs
    else:
        assert json.loads(_body(ours)) == json.loads(_body(theirs))
    call = dialects.read(_body(theirs))
    toolbox = toolbox_of_row(OFFICIAL_TOOLBOX, "")
    assert isinstance(call, ToolCall) and toolbox is not None
    typed = toolbox.typed(call).arguments
    assert {**typed, **_untyped(arguments)} == {**arguments, **_untyped(arguments)}
    ZoomArguments.model_validate(typed)


def _untyped(arguments: dict[str, Any]) -> dict[str, Any]:
    """What the zoom's schema does not know stays text in tags."""
    return {name: value for name, value in arguments.items() if name in ("flag", "none", "more")}


def _body(call: str) -> str:
    return call.removeprefix("<tool_call>").removesuffix("</tool_call>")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tools_column_teaches_the_familys_own_form(family: str) -> None:
    template = family_template(family)
    messages = [{"role": "user", "content": "<image>What color?"}]
    text = render_prompt(template, messages, tool_schemas(OFFICIAL_TOOLBOX), {}).text
    own = Dialect.QWEN3_CODER if family == "qwen3_5" else Dialect.HERMES
    shown = [dialect for dialect, reader in READERS.items() if reader.is_shown(text)]
    assert shown == [own]
    assert dialects_of(agent_template_name(template), text).taught is own
    assert agent_template_name(template) == Family(family).agent_template


@pytest.mark.parametrize("family", FAMILIES)
def test_the_flag_chooses_another_form(family: str) -> None:
    template = family_template(family)
    for name, dialect in (("qwen3_coder", Dialect.QWEN3_CODER), ("hermes", Dialect.HERMES)):
        template._agent_template = name  # --agent_template
        messages = [{"role": "user", "content": "<image>What color?"}]
        text = render_prompt(template, messages, tool_schemas(OFFICIAL_TOOLBOX), {}).text
        assert dialects_of(agent_template_name(template), text).taught is dialect


@pytest.mark.parametrize("family", FAMILIES)
def test_calls_of_examples_announce_nothing(family: str) -> None:
    content = json.dumps({"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [1, 2, 3, 4]}})
    messages = (
        {"role": "user", "content": "Which one?"},
        {"role": "tool_call", "content": content},
        {"role": "tool", "content": "image_zoom_in_tool says so."},
        {"role": "assistant", "content": "<answer>that</answer>"},
        {"role": "user", "content": "<image>What color?"},
    )
    prompt = Prompt(messages, ("-",), None, {}, None)
    template = family_template(family)
    assert "image_zoom_in_tool" in prompt.render(template).text
    announced = prompt.announcement(template)
    assert "What color?" in announced and "image_zoom_in_tool" not in announced

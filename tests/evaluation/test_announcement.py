"""How a model under evaluation is told of its tools: what goes over HTTP, and what becomes of it.

The servers' own part is ms-swift's: its request class, and its templates.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from swift.infer_engine.protocol import ChatCompletionRequest

from swift_deepeyes.chat.identity import Listing
from swift_deepeyes.demo.families import FAMILIES, family_template
from swift_deepeyes.episode.boxes import Frame
from swift_deepeyes.evaluation.announcement import (
    OtherFrameError,
    ToldPrompt,
    request_fields,
    tell_of_tools,
)
from swift_deepeyes.evaluation.config import Config
from swift_deepeyes.evaluation.names import Family, Thinking, ToolMode
from swift_deepeyes.evaluation.served_model import ServedModel, Stated, identify
from swift_deepeyes.ms_swift.compat import render_prompt
from swift_deepeyes.record.record import PromptMessage
from swift_deepeyes.settings import BoxFormat, JudgeKind, Settings
from swift_deepeyes.tools import toolbox_of_row
from swift_deepeyes.tools.family_prompt import STATEMENTS, form_of_family, in_form
from swift_deepeyes.tools.prompt import tool_system_prompt
from tests.dataset import lookalike
from tests.evaluation.files import encode, make_vstar, scene, write_parquet
from tests.evaluation.policy_server import PolicyServer, say_a
from tests.evaluation.running import Evaluate
from tests.preparation import published

BOX = "visual_toolbox_v2"
SAID = STATEMENTS[Frame.NORM1000]
FAMILY = Settings(judge=JudgeKind.RULE, prompt="family")
PUBLISHED = Settings(judge=JudgeKind.RULE)
QUESTION = f"What is it?{lookalike.INSTRUCTION}"
ROW = [
    {"role": "system", "content": published.TOOL_SYSTEM},
    {"role": "user", "content": QUESTION},
]
MESSAGES = tuple(PromptMessage(role=one["role"], text=one["content"]) for one in ROW)
CONFIG = Config(benchmark="vstar", system_prompt="")


def served(family: Family, owner: str | None = "swift") -> ServedModel:
    stated = Stated(family=family, max_pixels=602_112)
    return identify(Listing(id="x", owned_by=owner), stated, BoxFormat.AUTO)


def told(family: Family, settings: Settings = FAMILY, tools: str = "") -> ToldPrompt:
    toolbox = toolbox_of_row(BOX, "")
    return tell_of_tools(MESSAGES, tools, toolbox, served(family), settings)


@pytest.mark.parametrize("thinking", [None, *Thinking])
@pytest.mark.parametrize("family", FAMILIES)
def test_swift_deploy_makes_the_prompt_that_training_makes(
    family: str, thinking: Thinking | None
) -> None:
    """Of the words, the tools and the beginning of the turn."""
    name, template = Family(family), family_template(family)
    row = in_form(ROW, None, BOX, form_of_family(name, BoxFormat.AUTO))
    template.enable_thinking = thinking is Thinking.ON
    trained = render_prompt(template, row.messages, row.tools, {})
    config = CONFIG.model_copy(update={"thinking": thinking})
    prompt = told(name)
    body: dict[str, Any] = {
        "model": "x",
        "messages": [{"role": one.role, "content": one.text} for one in prompt.messages],
        **request_fields(prompt, served(name), config),
    }
    request, _ = ChatCompletionRequest(**deepcopy(body)).parse()
    template.enable_thinking = False
    fields = asdict(request)
    asked = render_prompt(
        template, fields["messages"], fields["tools"], fields["chat_template_kwargs"]
    )
    assert asked == trained
    text = "".join(str(piece) for piece in asked.pieces)
    assert (SAID in text) == (name is not Family.QWEN2_5_VL)
    assert ("<function=" in text) == (name is Family.QWEN3_5)


def test_what_is_asked_of_the_server_alone_is_asked_where_it_is_stated() -> None:
    plain, model = told(Family.QWEN3_VL), served(Family.QWEN3_VL)
    assert request_fields(plain, model, CONFIG) == {}
    off = CONFIG.model_copy(update={"thinking": Thinking.OFF})
    kwargs = {"enable_thinking": False, "preserve_thinking": True}
    assert request_fields(plain, model, off) == {"chat_template_kwargs": kwargs}


@pytest.mark.skipif("qwen3_5" not in FAMILIES, reason="transformers without Qwen3.5")
def test_swift_deploy_keeps_the_thoughts_of_earlier_turns_as_training_does() -> None:
    turns = [("user", "<image>What?"), ("assistant", "<think>\nThe bow.\n</think>\n\nI look.")]
    turns.append(("user", "<tool_response>x</tool_response>"))
    messages = [{"role": role, "content": content} for role, content in turns]
    template = family_template("qwen3_5")
    for owner, is_kept in (("swift", True), ("vllm", False), (None, False)):
        fields = request_fields(ToldPrompt(MESSAGES), served(Family.QWEN3_5, owner), CONFIG)
        options = fields.get("chat_template_kwargs", {})
        assert ("The bow." in render_prompt(template, messages, None, options).text) is is_kept


@pytest.mark.parametrize("owner", ["swift", "vllm", "sglang", None])
def test_vllm_takes_tools_without_a_parser_only_when_told_not_to_call(owner: str | None) -> None:
    prompt = told(Family.QWEN3_5)
    fields = request_fields(prompt, served(Family.QWEN3_5, owner), CONFIG)
    assert len(fields["tools"]) == 1 and SAID in str(fields["tools"])
    assert fields.get("tool_choice") == ("none" if owner == "vllm" else None)
    assert prompt.tokens(len) > 300 and told(Family.QWEN3_VL).tokens(len) == 0


def test_published_is_the_default() -> None:
    for family in Family:
        assert told(family, PUBLISHED) == ToldPrompt(MESSAGES)
    corrected = told(Family.QWEN3_5, Settings(prompt="corrected")).messages[0].text
    assert corrected == published.TOOL_SYSTEM.replace('["bbox"]', '["bbox_2d"]')


def test_without_a_tool_nothing_is_told() -> None:
    assert tell_of_tools(MESSAGES, "[]", None, served(Family.QWEN3_5), FAMILY) == ToldPrompt(
        MESSAGES
    )


def prepared_row(family: Family) -> dict[str, Any]:
    """As `prepare --prompt family` writes it."""
    made = in_form(ROW, None, BOX, form_of_family(family, BoxFormat.AUTO))
    row = lookalike.row("vstar", 1, image=encode(scene(0)[0]))
    row["prompt"] = made.messages
    return row | {"tools": made.tools}


def test_a_prepared_file_is_asked_with_its_tools(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = write_parquet(tmp_path / "rows.parquet", [prepared_row(Family.QWEN3_5)])
    with PolicyServer(say_a, name="qwen3.5-9b") as server:
        server.model["owned_by"] = "vllm"
        report = run_evaluation(
            server,
            data,
            tmp_path / "out",
            benchmark="parquet",
            check_tokens=False,
            tools=tuple(ToolMode),
            thinking="on",
        )
    assert report.is_complete and report.settings["thinking"] == "on"
    tools = [SAID in str(request.get("tools")) for request in server.turns]
    assert sorted(tools) == [False, True]  # without the tool nothing is said of it
    (asked,) = [request for request in server.turns if "tools" in request]
    assert asked["tool_choice"] == "none"
    assert all(one["chat_template_kwargs"]["enable_thinking"] for one in server.turns)


def test_prompts_of_another_frame_are_refused(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = write_parquet(tmp_path / "rows.parquet", [prepared_row(Family.QWEN3_VL)])
    options: dict[str, Any] = {"benchmark": "parquet", "check_tokens": False}
    with PolicyServer(say_a, name="qwen2.5-vl") as server:
        with pytest.raises(OtherFrameError, match="read as pixel"):
            run_evaluation(server, data, tmp_path / "out", **options)
        assert server.requests == []
        out = tmp_path / "rewritten"
        assert run_evaluation(server, data, out, settings=FAMILY, **options).is_complete
        assert SAID not in str(server.turns)


def test_our_own_prompt_for_a_benchmark(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = make_vstar(tmp_path / "vstar", 1, pairs=0)
    with PolicyServer(say_a, name="qwen3-vl-8b") as server:
        options: dict[str, Any] = {"settings": FAMILY, "check_tokens": False}
        report = run_evaluation(server, data, tmp_path / "out", **options)
    assert report.settings["prompt"] == "family"
    system = server.turns[0]["messages"][0]["content"]
    assert SAID in system and system != tool_system_prompt()

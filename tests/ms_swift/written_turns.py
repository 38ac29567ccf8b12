"""Forty turns as Qwen3-VL and Qwen3.5 write them, and what becomes of each.

The slips are those of issue trackers, in words of ours. `sampled` is what the model writes behind
the template's own prefix. Each is the first turn of an episode under the family's own template;
the turn after it answers. Shared by the test and by `scripts/table_of_turns.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from PIL import Image
from swift.infer_engine.protocol import RolloutInferRequest

from swift_deepeyes.episode.messages import TURN_INSTRUCTION
from swift_deepeyes.episode.trajectory import RECORD_KEY, Trajectory
from swift_deepeyes.episode.view import to_png
from swift_deepeyes.scoring.scheme import ScoringScheme
from swift_deepeyes.scoring.strict import extract_strictly
from swift_deepeyes.scoring.transcript import transcript_of_record
from swift_deepeyes.tools.prompt import tool_system_prompt
from swift_deepeyes.tools.zoom import ZoomTool
from tests.ms_swift.drivers import run_server

QWEN2_5_VL, QWEN3_VL, QWEN3_5 = "qwen2_5_vl", "qwen3_vl", "qwen3_5"


class Taught(StrEnum):
    """Where the prompt announces the tool, and so which form of a call it shows."""

    TOOLS = "tools"  # the column, which the family's agent template renders
    DEEPEYES = "deepeyes"  # the data's system prompt: JSON


@dataclass(frozen=True)
class WrittenTurn:
    """One row. `became`: the calls' statuses, or why the episode ended. `told`: what the model
    reads back has in it. `errors`: the format checks that fire, of both turns."""

    what: str
    seen: str
    sampled: str
    became: str
    told: str = ""
    errors: tuple[str, ...] = ()
    family: str = QWEN3_5
    taught: Taught = Taught.TOOLS
    thinks: bool = False


XML = """<tool_call>
<function=image_zoom_in_tool>
<parameter=bbox_2d>
[100, 100, 500, 500]
</parameter>
<parameter=label>
ball
</parameter>
</function>
</tool_call>"""
JSON = (
    '<tool_call>\n{"name": "image_zoom_in_tool", "arguments": '
    '{"bbox_2d": [100, 100, 500, 500], "label": "ball", "img_idx": 0}}\n</tool_call>'
)
THOUGHT = "The ball is small.\n</think>\n\n"
XML_FORM = "A call is written <tool_call>\n<function=image_zoom_in_tool>\n<parameter=bbox_2d>\n["
JSON_FORM = 'A call is written <tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": ['
IMAGE = "<tool_response><image>"


def with_index(value: str) -> str:
    return XML.replace("label>\nball", f"img_idx>\n{value}")


def with_box(value: str) -> str:
    return XML.replace("[100, 100, 500, 500]", value)


TURNS = [
    # Qwen3.5 under a `tools` column: its template teaches tags.
    WrittenTurn("as the template teaches it", "card", THOUGHT + XML, "ok", IMAGE, thinks=True),
    WrittenTurn("the same, without a thought", "card", XML, "ok", IMAGE),
    WrittenTurn("in one line", "mlxcel#206", XML.replace("\n", ""), "ok", IMAGE),
    WrittenTurn("a number is text", "maclocal-api#38", with_index("0"), "ok", IMAGE),
    WrittenTurn("an option is left empty", "sglang#36835", with_index(""), "ok", IMAGE),
    WrittenTurn("None for null", "sglang#36835", with_index("None"), "ok", IMAGE),
    WrittenTurn("a list as JSON text", "Qwen3.8#187", with_box('"[100, 100, 500, 500]"'), "ok",
                IMAGE),
    WrittenTurn("no img_idx, and bbox for bbox_2d", "Qwen-Agent#879", XML.replace("_2d", ""), "ok",
                IMAGE),
    WrittenTurn("JSON all the same", "sglang#26793", THOUGHT + JSON, "ok", IMAGE, thinks=True),
    WrittenTurn("a label that quotes a tag", "vllm#46047", XML.replace("ball", "x </think> y"),
                "ok", IMAGE, ("unbalanced_think",)),
    WrittenTurn("numbers without brackets", "own case", with_box("100, 100, 500, 500"), "bad_box",
                "bbox_2d must be four numbers"),
    WrittenTurn("no tool_call around it", "vllm-mlx#597",
                THOUGHT + XML.replace("<tool_call>\n", "").replace("\n</tool_call>", ""),
                "malformed_call", "does not stand between <tool_call> and </tool_call>. "
                + XML_FORM, thinks=True),
    WrittenTurn("its opening tag is missing", "ollama#16398", XML.replace("<tool_call>\n", ""),
                "malformed_call", "does not stand between"),
    WrittenTurn("its end tag is missing", "dynamo#10445", XML.replace("\n</tool_call>", ""),
                "malformed_call", "not closed with its end tag. " + XML_FORM),
    WrittenTurn("function without >", "verl#7044", XML.replace("tool>", "tool"), "malformed_call",
                "tag of the function is not right"),
    WrittenTurn("parameter without >", "vllm#39771", XML.replace("_2d>", "_2d"), "malformed_call",
                "tag of a parameter is not right: write <parameter=NAME>. " + XML_FORM),
    WrittenTurn("parameter not closed", "ollama#17276", XML.replace("]\n</parameter>", "]"),
                "malformed_call", "A parameter is not closed"),
    WrittenTurn("closed once too often", "ollama#16810",
                XML.replace("</parameter>\n</function>", "</parameter>\n</parameter>\n</function>"),
                "malformed_call", "a closing </parameter> too many"),
    WrittenTurn("function not closed", "renderers#52", XML.replace("</function>\n", ""),
                "malformed_call", "The function is not closed"),
    WrittenTurn("attributes", "sglang#38893",
                XML.replace("function=image_zoom_in_tool", 'function name="image_zoom_in_tool"'),
                "malformed_call", "write <function=NAME>"),
    WrittenTurn("JSON in the function's tag", "mlxcel#206",
                '<tool_call>\n<function=image_zoom_in_tool>\n{"bbox_2d": [100, 100, 500, 500]}\n'
                "</function>\n</tool_call>", "malformed_call", "Each argument stands in"),
    WrittenTurn("another tool's name", "own case", XML.replace("zoom_in_tool", "crop"),
                "unknown_tool", "there is: image_zoom_in_tool. " + XML_FORM),
    WrittenTurn("two calls", "DeepEyes#131", XML + "\n" + XML, "ok, too_many_calls",
                "Only the first call is run"),
    WrittenTurn("the reply is written as well", "DeepEyes#131",
                XML + "\n<tool_response>\nred\n</tool_response>", "ok", IMAGE,
                ("forged_tool_response",)),
    # Qwen3.5 and its thoughts.
    WrittenTurn("a draft in the thought", "vllm#39056", f"I write {XML}\n{THOUGHT}{XML}", "ok",
                IMAGE, thinks=True),
    WrittenTurn("the only call is in the thought", "vllm#39056", f"I zoom. {XML}\n</think>",
                "no_action", "", ("missing_answer",), thinks=True),
    WrittenTurn("called without an end of the thought", "vllm#39056", f"I zoom.\n{XML}", "ok",
                IMAGE, ("unbalanced_think",), thinks=True),
    WrittenTurn("think is written once more", "aichat#1528", f"<think>\n{THOUGHT}{XML}", "ok",
                IMAGE, thinks=True),
    WrittenTurn("planned, and not called", "Qwen3#1817", THOUGHT + "Let me zoom in on the ball.",
                "no_action", "", ("missing_answer",), thinks=True),
    WrittenTurn("thinks where thinking is off", "ollama#12736", f"Well. {THOUGHT}{XML}", "ok",
                IMAGE, ("unbalanced_think",)),
    WrittenTurn("the same, in its own tags", "xinference#3647", f"<think>\n{THOUGHT}{XML}", "ok",
                IMAGE),
    # Qwen3.5 under the data's own prompt, which teaches JSON.
    WrittenTurn("follows it", "DeepEyes", THOUGHT + JSON, "ok", IMAGE, taught=Taught.DEEPEYES,
                thinks=True),
    WrittenTurn("falls back to its tags", "vllm#42021", THOUGHT + XML, "ok", IMAGE,
                taught=Taught.DEEPEYES, thinks=True),
    WrittenTurn("falls back, and slips", "vllm#39771", XML.replace("_2d>", "_2d"), "malformed_call",
                JSON_FORM, taught=Taught.DEEPEYES),
    # Qwen3-VL: JSON, whoever teaches it.
    WrittenTurn("as its card shows it", "card", THOUGHT + JSON, "ok", IMAGE, family=QWEN3_VL,
                thinks=True),
    WrittenTurn("counts from one", "Qwen3-VL#1667", JSON.replace('idx": 0', 'idx": 1'),
                "bad_image_index", "it is 0.", family=QWEN3_VL),
    WrittenTurn("a box in pixels", "DeepEyes#141",
                JSON.replace("[100, 100, 500, 500]", "[1200, 300, 1800, 900]"), "box_outside",
                "1000", family=QWEN3_VL),
    WrittenTurn("a brace too many", "LongVT#17", JSON.replace("}}\n", "}}}\n"), "malformed_call",
                "brace or bracket too many", family=QWEN3_VL),
    WrittenTurn("Qwen3.5's tags", "sglang#26793", XML, "malformed_call",
                "begins with a tag", family=QWEN3_VL, taught=Taught.DEEPEYES),
    WrittenTurn("a list as text", "own case", JSON.replace("[100, 100, 500, 500]",
                '"[100, 100, 500, 500]"'), "ok", IMAGE, family=QWEN2_5_VL, taught=Taught.DEEPEYES),
]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What became of a turn: as in `WrittenTurn`; `told` is all that the model read back."""

    became: str
    told: str
    errors: tuple[str, ...]
    record: Trajectory


def play(turn: WrittenTurn, template: Any, drive: Callable[..., Any] = run_server) -> Outcome:
    """The turn as the first one of a rollout, under the family's own template."""
    template.enable_thinking = turn.thinks
    (output,), _ = drive(_policy(turn), template, [_request(turn)])
    record = Trajectory.model_validate(output.rollout_infos[RECORD_KEY])
    first = record.turns[0]
    extraction = extract_strictly(transcript_of_record(record), ScoringScheme.VISUAL, "red")
    statuses = ", ".join(str(call.status) for call in first.calls)
    ended = first.observation is None
    return Outcome(
        became=str(record.stop_reason) if ended else statuses,
        told=first.observation or "",
        errors=extraction.errors,
        record=record,
    )


def _policy(turn: WrittenTurn) -> Callable[[Any], str]:
    answer = "I see.\n</think>\n\n<answer>red</answer>" if turn.thinks else "<answer>red</answer>"
    return lambda request: answer if _has_turn(request) else turn.sampled


def _has_turn(request: Any) -> bool:
    return any(message["role"] == "assistant" for message in request.messages)


def _request(turn: WrittenTurn) -> RolloutInferRequest:
    by_tools = turn.taught is Taught.TOOLS
    question = "<image>\nWhat color is the ball?"
    messages = [{"role": "user", "content": question + ("" if by_tools else TURN_INSTRUCTION)}]
    if not by_tools:
        messages.insert(0, {"role": "system", "content": tool_system_prompt()})
    return RolloutInferRequest(
        messages=messages,
        images=[to_png(Image.new("RGB", (640, 640), "white"))],
        tools=[ZoomTool().schema()] if by_tools else None,
        uuid="one",
    )

"""The texts of the toy data: prompts, questions and the turns of the warm start.

The turn instruction is that of DeepEyes-Datasets-47k, to the letter. The system prompts are ours,
shorter than the real ones, because a toy model pays for every token; their structure is that of the
data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.demo.toy.view import ToyView
from swift_deepeyes.episode.messages import TURN_INSTRUCTION, observation_message

TOOL_NAME = "image_zoom_in_tool"

_TOOL = {
    "type": "function",
    "function": {
        "name": TOOL_NAME,
        "description": "Enlarge a region.",
        "parameters": {
            "properties": {"bbox_2d": {"type": "array"}, "label": {"type": "string"}},
            # The real data says `bbox` here and `bbox_2d` above; readers must live with both.
            "required": ["bbox"],
        },
    },
}

THINKLITE_SYSTEM = (
    "You solve problems. Think inside <think></think>, then give the answer inside "
    "<answer></answer> as \\boxed{}."
)

PATTERN_QUESTION = "What is the pattern on the ball?"
COUNT_QUESTION = "How many rooms are empty?"


def zoom_system(view: ToyView) -> str:
    """The system prompt of rows with the tool; its example shows the family's frame."""
    tools = f"# Tools\n<tools>\n{json.dumps(_TOOL)}\n</tools>"
    return f"You look at images.\n\n{tools}\nCall it so:\n{_call(view.room_box(0))}"


def with_turn_instruction(question: str) -> str:
    """The user text of a vstar or chart row."""
    return f"{IMAGE_TAG}\n{question}{TURN_INSTRUCTION}"


def option_question(options: Sequence[str]) -> str:
    """The chart question: the pattern, as an option letter."""
    lines = [f"{letter}. {option}" for letter, option in zip("ABC", options, strict=True)]
    return PATTERN_QUESTION + "\n" + "\n".join(lines)


def direct_turn(answer: str) -> str:
    """A turn that answers at once, without looking closer."""
    return f"<think>I guess.</think><answer>{answer}</answer>"


def zoom_turn(box: Sequence[int]) -> str:
    """A turn that asks for a region."""
    return f"<think>I zoom in.</think>{_call(box)}"


def zoomed_turn(answer: str) -> str:
    """The turn after a crop."""
    return f"<think>Now I see.</think><answer>{answer}</answer>"


def observation() -> str:
    """The user message that carries a crop, as the episode writes it."""
    return observation_message([IMAGE_TAG], TURN_INSTRUCTION)


def _call(box: Sequence[int]) -> str:
    call = json.dumps({"name": TOOL_NAME, "arguments": {"bbox_2d": list(box)}})
    return f"<tool_call>{call}</tool_call>"

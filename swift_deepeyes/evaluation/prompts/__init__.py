"""What is asked: the messages of one question, as text with `<image>` tags.

A model trained on the published data knows that data's system prompt to the letter. It is not
repeated here: `--system-prompt` takes it from the training file itself (`read_system_prompt`). Ours
has the same structure and announces the same tool. The turn instruction is the data format's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template

from swift_deepeyes.dataset.media_tags import IMAGE_TAG, without_media_tags
from swift_deepeyes.episode.messages import TURN_INSTRUCTION, turn_instruction
from swift_deepeyes.evaluation.benchmarks.tables import read_parquet
from swift_deepeyes.evaluation.question import LETTERS, BenchmarkError, Question
from swift_deepeyes.record.record import PromptMessage
from swift_deepeyes.tools import OFFICIAL_TOOLBOX, toolbox_of_row

ZOOM = "image_zoom_in_tool"
PLAIN_INSTRUCTION = (
    "\nThink first, then answer. Format strictly as:  <think>...</think>  <answer>...</answer> "
)
CHOOSE = "Answer with the letter of the right option."
YES_OR_NO = "Answer yes or no."


def tool_system_prompt() -> str:
    """Our system prompt that announces the zoom tool."""
    toolbox = toolbox_of_row(OFFICIAL_TOOLBOX, "")
    assert toolbox is not None
    return Template(_file("tool.txt")).substitute(tools=json.dumps(toolbox.tools[ZOOM].schema()))


def plain_system_prompt() -> str:
    """Our system prompt without a tool."""
    return _file("plain.txt")


def read_system_prompt(path: Path) -> str:
    """A system prompt from a text file, or that of the first row of a training parquet."""
    if path.suffix != ".parquet":
        try:
            return path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise BenchmarkError(f"--system-prompt {path} is not UTF-8 text: {error}") from None
    row = next(read_parquet(path), None)
    prompt = (row or {}).get("prompt")
    messages = prompt if isinstance(prompt, list) else []
    of_system = (m for m in messages if isinstance(m, dict) and m.get("role") == "system")
    system = next((message.get("content") for message in of_system), None)
    if not isinstance(system, str):
        raise BenchmarkError(f"{path}: its first row has no system prompt")
    return system


def shown_question(question: Question, order: Sequence[int]) -> str:
    """The question as it is asked and judged: options in `order`, with letters."""
    text = without_media_tags(question.text)
    if question.right is not None:
        options = (without_media_tags(question.options[index]) for index in order)
        lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
        return "\n".join([text, *lines, CHOOSE])
    return text if question.prompt else f"{text}\n{YES_OR_NO}"


def messages_with_tool(
    question: Question, order: Sequence[int], system: str
) -> tuple[PromptMessage, ...]:
    """The prompt that announces the tool; a row's own prompt is used as it is."""
    if question.prompt:
        return question.prompt
    return _messages(question, order, system, TURN_INSTRUCTION)


def messages_without_tool(question: Question, order: Sequence[int]) -> tuple[PromptMessage, ...]:
    """The same question to a model that has no tool."""
    if question.prompt:
        return tuple(_without_tool(message) for message in question.prompt)
    return _messages(question, order, plain_system_prompt(), PLAIN_INSTRUCTION)


def _messages(
    question: Question, order: Sequence[int], system: str, instruction: str
) -> tuple[PromptMessage, ...]:
    tags = IMAGE_TAG * len(question.images)
    user = f"{tags}\n{shown_question(question, order)}{instruction}"
    return PromptMessage(role="system", text=system), PromptMessage(role="user", text=user)


def _without_tool(message: PromptMessage) -> PromptMessage:
    """A row's message with what it says about the tool taken out."""
    if message.role == "system":
        text = plain_system_prompt() if ZOOM in message.text else message.text
        return PromptMessage(role="system", text=text)
    own = turn_instruction(message.text)
    if not message.text.endswith(own):
        return message
    return PromptMessage(role=message.role, text=message.text.removesuffix(own) + PLAIN_INSTRUCTION)


def _file(name: str) -> str:
    content = resources.files(__name__) / name
    return content.read_text(encoding="utf-8").strip()

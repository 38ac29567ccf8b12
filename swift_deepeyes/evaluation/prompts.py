"""What is asked: the messages of one question, as text with `<image>` tags."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from swift_deepeyes.dataset.media_tags import IMAGE_TAG, without_media_tags
from swift_deepeyes.episode.messages import turn_instruction
from swift_deepeyes.episode.tool import Toolbox
from swift_deepeyes.evaluation.question import LETTERS, Question
from swift_deepeyes.record.record import PromptMessage
from swift_deepeyes.tools import toolbox_of_row
from swift_deepeyes.tools.prompt import (
    PLAIN_INSTRUCTION,
    PLAIN_SYSTEM_PROMPT,
    ZOOM,
    tool_instruction,
)

CHOOSE = "Answer with the letter of the right option."
YES_OR_NO = "Answer yes or no."


def shown_question(question: Question, order: Sequence[int]) -> str:
    """The question as it is asked and judged: options in `order`, with letters."""
    text = without_media_tags(question.text)
    if question.right is not None:
        options = (without_media_tags(question.options[index]) for index in order)
        lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
        return "\n".join([text, *lines, CHOOSE])
    return text if question.prompt else f"{text}\n{YES_OR_NO}"


def messages_with_tool(
    question: Question, order: Sequence[int], system: str, toolbox: Toolbox | None = None
) -> tuple[PromptMessage, ...]:
    """The prompt that announces the tools; a row's own prompt is used as it is.

    `toolbox`: whose tools the question names at its end; None: the zoom.
    """
    if question.prompt:
        return question.prompt
    return _messages(question, order, system, tool_instruction(toolbox))


def messages_without_tool(question: Question, order: Sequence[int]) -> tuple[PromptMessage, ...]:
    """The same question to a model that has no tool."""
    if question.prompt:
        text = "\n".join(message.text for message in question.prompt)
        toolbox = toolbox_of_row(question.toolbox, text)
        names = {ZOOM} if toolbox is None else {ZOOM, *toolbox.tools}
        return tuple(_without_tool(message, names) for message in question.prompt)
    return _messages(question, order, PLAIN_SYSTEM_PROMPT, PLAIN_INSTRUCTION)


def _messages(
    question: Question, order: Sequence[int], system: str, instruction: str
) -> tuple[PromptMessage, ...]:
    tags = IMAGE_TAG * len(question.images)
    user = f"{tags}\n{shown_question(question, order)}{instruction}"
    return PromptMessage(role="system", text=system), PromptMessage(role="user", text=user)


def _without_tool(message: PromptMessage, names: Collection[str]) -> PromptMessage:
    """A row's message with what it says about its tools taken out."""
    if message.role == "system":
        has_tool = any(name in message.text for name in names)
        return PromptMessage(role="system", text=PLAIN_SYSTEM_PROMPT if has_tool else message.text)
    own = turn_instruction(message.text)
    if not message.text.endswith(own):
        return message
    return PromptMessage(role=message.role, text=message.text.removesuffix(own) + PLAIN_INSTRUCTION)

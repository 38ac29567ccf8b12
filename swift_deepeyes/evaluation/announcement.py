"""How a model under evaluation is told of its tools: as in its training, by the same setting.

A family whose template words calls itself is told by the request's `tools`, and the server's
template writes them. vLLM takes tools without a parser of calls only with `tool_choice` none, and
writes them all the same; ms-swift would then leave them out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from swift_deepeyes.episode.tool import Toolbox
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.evaluation.config import Config
from swift_deepeyes.evaluation.names import Family, Thinking, ToolMode
from swift_deepeyes.evaluation.question import Question
from swift_deepeyes.evaluation.served_model import SWIFT, ServedModel
from swift_deepeyes.prompt_style import PromptStyle
from swift_deepeyes.record.record import PromptMessage
from swift_deepeyes.settings import Settings
from swift_deepeyes.tools.family_prompt import (
    corrected_column,
    corrected_prompt,
    form_of_family,
    in_form,
    stated_frame,
)
from swift_deepeyes.tools.signatures import signatures_of_column

VLLM = "vllm"


class OtherFrameError(DeepEyesError):
    """Prompts say that boxes count in another frame than they are read in."""


_TEMPLATE_WORDS = 300
"""Tokens that a template writes around the tools, at most."""


@dataclass(frozen=True, slots=True)
class ToldPrompt:
    """A prompt's messages, and the signatures for the request's `tools`; empty: none there."""

    messages: tuple[PromptMessage, ...]
    tools: tuple[dict[str, Any], ...] = ()

    def tokens(self, count: Callable[[str], int]) -> int:
        """What `tools` adds to the prompt, an upper estimate."""
        return count(json.dumps(self.tools)) + _TEMPLATE_WORDS if self.tools else 0


def tell_of_tools(
    messages: Sequence[PromptMessage],
    tools: str,
    toolbox: Toolbox | None,
    model: ServedModel,
    settings: Settings,
) -> ToldPrompt:
    """The prompt in the words that the settings ask for. `tools`: the row's column, as JSON."""
    if toolbox is None:
        return ToldPrompt(tuple(messages))
    plain: list[dict[str, Any]] = [{"role": one.role, "content": one.text} for one in messages]
    column: Any = tools or None
    if settings.prompt is PromptStyle.FAMILY:
        form = form_of_family(model.family, settings.bbox_format)
        told = in_form(plain, column, toolbox.name, form)
        plain, column = told.messages, told.tools
    elif settings.prompt is PromptStyle.CORRECTED:
        plain = corrected_prompt(plain, toolbox.name)
        column = corrected_column(column, toolbox.name)
    signatures = signatures_of_column(column) if column else None
    return ToldPrompt(
        tuple(PromptMessage(role=one["role"], text=one["content"]) for one in plain),
        tuple(signatures or ()),
    )


def check_frame(
    questions: Iterable[Question], config: Config, model: ServedModel, settings: Settings
) -> None:
    """Refuse prompts that were prepared for another family. Raises `OtherFrameError`."""
    if settings.prompt is PromptStyle.FAMILY or ToolMode.ON not in config.tools:
        return
    own = ("\n".join([*(m.text for m in q.prompt), q.tools]) for q in questions if q.prompt)
    for text in dict.fromkeys([config.system_prompt, *own]):
        stated = stated_frame([{"role": "system", "content": text}], None)
        if stated is not None and stated is not model.frame:
            raise OtherFrameError(
                f"The prompts say that boxes are {stated}, and those of {model.name} are read as "
                f"{model.frame}. The fix: DEEPEYES_PROMPT=family, which rewrites them, or the "
                "prompts that this model was trained with"
            )


def request_fields(told: ToldPrompt, model: ServedModel, config: Config) -> dict[str, Any]:
    """What a request carries beside messages and sampling."""
    fields: dict[str, Any] = {}
    options: dict[str, Any] = {}
    if config.thinking is not None:
        options["enable_thinking"] = config.thinking is Thinking.ON
    # Training has earlier turns as they were sampled, thoughts included. `swift deploy` takes an
    # observation for a new question, and drops those before it where the template is Qwen3.5's.
    drops_thoughts = model.owner == SWIFT and model.family is Family.QWEN3_5
    if options or drops_thoughts:
        options["preserve_thinking"] = True
        fields["chat_template_kwargs"] = options
    if told.tools:
        fields["tools"] = list(told.tools)
        if model.owner == VLLM:
            fields["tool_choice"] = "none"
    return fields

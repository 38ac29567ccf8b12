"""The host's limits that a longer conversation can meet, from whoever knows them.

The rollout server's engine knows its own. In colocate mode ms-swift hands a scheduler only
`max_turns`, tokenizer and template, but it hands the run's arguments to the trainer's callbacks
and, since 4.0, to every reward function: these leave them here. The smallest known limit counts:
beyond any of them vLLM or ms-swift raises, and the run ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from swift_deepeyes.counted import counted
from swift_deepeyes.episode.context import ROOM_TO_ANSWER
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.ms_swift.compat import LIFTS_PROMPT_LIMIT
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.request import as_mapping, is_continued
from swift_deepeyes.settings import Settings

PROMPT_FLAG = "--max_length"
_IMAGES = "limit_mm_per_prompt"


class PromptTooLargeError(DeepEyesError, ValueError):
    """A row's own prompt is beyond what the engine takes; the message names the setting."""


@dataclass(frozen=True, slots=True)
class ContextLimit:
    """Tokens that prompt, responses and observations may have together, and who says so."""

    tokens: int
    source: str


def context_limit(chosen: Settings, engine: Any, template: Any) -> ContextLimit | None:
    """The smallest limit of a conversation; None: nobody knows one."""
    # Where nobody tells vLLM, it takes the model's.
    model = getattr(template, "model_info", None)
    engines = _engine_limits(engine) or _known(
        ("the model's context", getattr(model, "max_model_len", None))
    )
    limits = [*engines, *_other_limits(chosen, engine, template)]
    return min(limits, key=lambda limit: limit.tokens, default=None)


def image_limit(chosen: Settings, engine: Any) -> int:
    """Images that a conversation may have: the episode's own limit, and vLLM's per prompt."""
    return min([chosen.max_images, *_image_limits(engine)])


def is_unbounded(mode: str, messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether `--max_length`, which is meant for prompts, must not bound this conversation.

    `mode` is the template's. An engine's later turn is unbounded, and so is the conversation that
    a trainer encodes to log it; what it trains on is unbounded by itself, except under Ray.
    """
    if mode == "vllm":
        return is_continued(messages)
    if process.run_arguments is None:  # supervised training: there it bounds conversations
        return False
    return is_continued(messages) or (_uses_ray() and messages[-1].get("role") == "assistant")


def check_prompt(engine: Any, images: int, tokens: int = 0) -> None:
    """Raise `PromptTooLargeError` for a prompt that no engine takes. `tokens` 0: not counted."""
    for limit in _image_limits(engine):
        if images > limit:
            raise PromptTooLargeError(
                f"A row has {counted(images, 'image')}, and vLLM takes {limit} per prompt. The "
                f"fix: --vllm_limit_mm_per_prompt '{{\"image\": {process.settings.max_images}}}', "
                "or without such rows (colocate mode: --truncation_strategy delete replaces them)"
            )
    for context in _engine_limits(engine):
        if tokens and tokens + ROOM_TO_ANSWER > context.tokens:
            raise PromptTooLargeError(
                f"A prompt has {counted(tokens, 'token')}, and there is room for {context.tokens} "
                f"({context.source}). The fix: a larger --vllm_max_model_len, or a smaller image"
            )


def _image_limits(engine: Any) -> list[int]:
    given = (
        getattr(engine, _IMAGES, None),
        getattr(process.run_arguments, f"vllm_{_IMAGES}", None),
        as_mapping(getattr(process.run_arguments, "vllm_engine_kwargs", None)).get(_IMAGES),
    )
    counts = (_image_count(as_mapping(value).get("image")) for value in given)
    return [count for count in counts if count is not None]


def _engine_limits(engine: Any) -> list[ContextLimit]:
    model = getattr(getattr(engine, "engine", None), "model_config", None)
    engine_arguments = as_mapping(getattr(process.run_arguments, "vllm_engine_kwargs", None))
    return _known(
        ("max_model_len of the engine", getattr(engine, "max_model_len", None)),
        ("max_model_len of vLLM", getattr(model, "max_model_len", None)),
        ("--vllm_max_model_len", getattr(process.run_arguments, "vllm_max_model_len", None)),
        ("--vllm_engine_kwargs", engine_arguments.get("max_model_len")),
    )


def _other_limits(chosen: Settings, engine: Any, template: Any) -> list[ContextLimit]:
    is_lifted = _is_lifted(engine)
    return _known(
        ("DEEPEYES_MAX_CONTEXT", chosen.max_context),
        (PROMPT_FLAG, None if is_lifted else getattr(template, "max_length", None)),
    )


def _known(*limits: tuple[str, object]) -> list[ContextLimit]:
    numbers = ((source, _number(value)) for source, value in limits)
    return [ContextLimit(number, source) for source, number in numbers if number is not None]


def _is_lifted(engine: Any) -> bool:
    """Whether `--max_length` bounds the prompt only (see `ms_swift.mend_encoding`).

    Not under Ray: its engines live in processes without plugins. Without engine and arguments
    nobody knows.
    """
    if not LIFTS_PROMPT_LIMIT:
        return False
    if engine is not None:
        return True
    return process.run_arguments is not None and not _uses_ray()


def _uses_ray() -> bool:
    return bool(getattr(process.run_arguments, "use_ray", False))


def _image_count(value: Any) -> int | None:
    """A count, or since vLLM 0.11 a mapping with one."""
    count: Any = value.get("count") if isinstance(value, Mapping) else value
    with suppress(TypeError, ValueError, OverflowError):
        return max(0, int(count))
    return None


def _number(value: Any) -> int | None:
    """A positive number; anything else is no limit."""
    with suppress(TypeError, ValueError, OverflowError):
        return max(0, int(value)) or None
    return None

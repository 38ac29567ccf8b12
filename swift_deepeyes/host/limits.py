"""How many tokens a conversation may have, from whoever knows it.

The rollout server's engine knows `max_model_len`. In colocate mode ms-swift hands a scheduler only
`max_turns`, tokenizer and template, but it hands the run's arguments to the trainer's callbacks
and, since 4.0, to every reward function: these leave them here. `DEEPEYES_MAX_CONTEXT` overrides
both.
"""

from __future__ import annotations

from typing import Any

from swift_deepeyes.core.settings import Settings

_run_arguments: Any = None


def remember_arguments(args: Any) -> None:
    """Keep the run's arguments (an `RLHFArguments`/`GRPOConfig`, or None) for the scheduler."""
    global _run_arguments
    if args is not None:
        _run_arguments = args


def context_limit(settings: Settings, engine: Any, template: Any) -> int | None:
    """Tokens that prompt, responses and observations may have together; None: nobody knows."""
    model_info = getattr(template, "model_info", None)
    candidates = (
        settings.max_context,
        getattr(engine, "max_model_len", None),
        getattr(_run_arguments, "vllm_max_model_len", None),
        getattr(model_info, "max_model_len", None),
    )
    return next((int(value) for value in candidates if value), None)

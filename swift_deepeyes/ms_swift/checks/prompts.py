"""What a template makes of a prompt that no training would recover from: said at the first row."""

from __future__ import annotations

import logging

from swift_deepeyes.episode.dialects.registry import READERS, known_dialect
from swift_deepeyes.episode.thoughts import THINK_OPEN
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.ms_swift.rendered import RenderedPrompt
from swift_deepeyes.ms_swift.request import Prompt
from swift_deepeyes.once import warn_once

logger = logging.getLogger(__name__)


class UnreadableCallsError(DeepEyesError):
    """Prompts teach a form of calls that nothing here reads; the message names the flag."""


def check_form_of_calls(prompt: Prompt, shown: str, agent_template: str | None) -> None:
    """Refuse a `tools` column that is announced in a form which is not read.

    `shown` is the prompt as the model reads it. Every call would be an error, and tool use would be
    unlearnt. Raises `UnreadableCallsError`.
    """
    if not prompt.tools or known_dialect(agent_template) is not None:
        return
    if any(reader.is_shown(shown) for reader in READERS.values()):
        return
    forms = " or ".join(READERS)
    raise UnreadableCallsError(
        f"A row has tools in a column `tools`, and the agent template {agent_template} teaches a "
        f"form of calls that is not read here. The fix: --agent_template {forms}, the same for "
        "swift rlhf and swift rollout; or tools and the form of a call in the system prompt"
    )


def warn_of_empty_thoughts(prompt: Prompt, rendered: RenderedPrompt) -> None:
    """Say once that the template has the model answer without a thought that the prompt wants.

    A row that says so itself (`enable_thinking` in its `chat_template_kwargs`) means it.
    """
    if not rendered.skips_thought or THINK_OPEN not in prompt.question:
        return
    if prompt.options.get("enable_thinking") is not None:
        return
    warn_once(
        logger,
        "empty thoughts",
        "Prompts ask for a thought, and the template writes an empty one in front of each turn, so "
        "that the model answers without thinking. The fix: --enable_thinking true, for swift rlhf, "
        "swift rollout and swift deploy alike. (Where that is meant: enable_thinking false in the "
        "rows' chat_template_kwargs.)",
    )

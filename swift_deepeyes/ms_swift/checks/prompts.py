"""A prompt that teaches calls in a form that nobody reads stops the run at its first turn."""

from __future__ import annotations

from swift_deepeyes.episode.dialects.registry import READERS, known_dialect
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.ms_swift.request import Prompt


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

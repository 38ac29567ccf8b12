"""What came of the check of a row, and how many rows that is said of."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from swift_deepeyes.dataset.columns import ENV_NAME, EXTRA_INFO, MESSAGES, TOOLS
from swift_deepeyes.dataset.conversation import BadConversationError, ConversationFault
from swift_deepeyes.dataset.images import ImageFault
from swift_deepeyes.dataset.references import references_of
from swift_deepeyes.episode.messages import names_no_toolbox
from swift_deepeyes.once import warn_once
from swift_deepeyes.tools import is_toolbox, toolbox_of_row, unannounced, unknown_toolbox
from swift_deepeyes.tools.family_prompt import PromptForm, shows_json_calls, stated_frame

logger = logging.getLogger(__name__)


_JSON_CALLS = (
    "Prompts show calls as JSON, and the model's own template teaches them as <function=…>. Both "
    "are read; DEEPEYES_PROMPT=family tells this model of its tools in its own form alone"
)


class Note(StrEnum):
    """What is counted of rows that are kept."""

    ENLARGED = "enlarged"
    REWRITTEN = "rewritten in the family's words"
    OTHER_WORDS = "with tools in words that are not the published ones, which stay as they are"
    JSON_CALLS = "whose prompt shows calls as JSON, which is not the form of the model's template"
    NO_QUESTION = "without a question"
    NO_REFERENCE = "without a reference answer"
    UNANNOUNCED = "with a toolbox that the prompt does not announce"
    UNKNOWN_TOOLBOX = "with an env_name that names no toolbox, so that the prompt decides"


HARMLESS = frozenset({Note.ENLARGED, Note.REWRITTEN})
"""Notes that ask for nothing."""


@dataclass(frozen=True)
class Checked:
    """What came of a row: the row with notes on it, or the fault for which it is dropped."""

    row: dict[str, Any] | None
    notes: tuple[Note, ...] = ()
    fault: ConversationFault | ImageFault | None = None
    reason: str = ""


def notes(row: dict[str, Any], is_enlarged: bool, form: PromptForm | None) -> tuple[Note, ...]:
    """What is worth counting of a row that is kept. `form`: of the run's model, where it is known.

    Raises `BadConversationError` for a row that asks for tools and would have none, and for one
    that tells the model of another frame than its boxes are read in.
    """
    found = {
        Note.ENLARGED: is_enlarged,
        Note.NO_QUESTION: not row[EXTRA_INFO]["question"],
        Note.NO_REFERENCE: not references_of(row),
    }
    noted = tuple(note for note, is_so in found.items() if is_so)
    return noted + _notes_on_tools(row) + _notes_on_form(row, form)


def _notes_on_form(row: dict[str, Any], form: PromptForm | None) -> tuple[Note, ...]:
    """What contradicts the run's model. Raises `BadConversationError`; `form` None: not known."""
    if form is None:
        return ()
    stated = stated_frame(row[MESSAGES], row.get(TOOLS))
    if stated is not None and stated is not form.frame:
        raise BadConversationError(
            ConversationFault.OTHER_FRAME,
            f"its prompt says that boxes are {stated}, and this run reads them as {form.frame}. "
            "The fix: DEEPEYES_PROMPT=family, or swift-deepeyes prepare --prompt family again",
        )
    if not form.in_column or not shows_json_calls(row[MESSAGES]):
        return ()
    warn_once(logger, "JSON calls", _JSON_CALLS)
    return (Note.JSON_CALLS,)


def _notes_on_tools(row: dict[str, Any]) -> tuple[Note, ...]:
    name, prompt = row.get(ENV_NAME), _announcement(row)
    if not isinstance(name, str) or names_no_toolbox(name):
        return ()
    if not is_toolbox(name) and toolbox_of_row(None, prompt) is None:
        fix = "; leave it empty where a row has no tool"
        raise BadConversationError(ConversationFault.NO_TOOLBOX, unknown_toolbox(name) + fix)
    toolbox = toolbox_of_row(name, prompt)  # warns of a name that nobody registered
    if not is_toolbox(name):
        return (Note.UNKNOWN_TOOLBOX,)
    if toolbox is None or any(tool in prompt for tool in toolbox.tools):
        return ()
    warn_once(logger, f"unannounced {name}", unannounced(toolbox))
    return (Note.UNANNOUNCED,)


def _announcement(row: dict[str, Any]) -> str:
    """Where a row can tell the model of its tools; examples in the model's own turns do not."""
    told = (m.get("content") for m in row[MESSAGES] if m.get("role") in ("system", "user"))
    return "\n".join([*map(str, told), str(row.get(TOOLS) or "")])


def counts(dropped: Sequence[Checked]) -> str:
    """Dropped rows by fault, most first."""
    faults = Counter(str(one.fault) for one in dropped)
    return ", ".join(f"{number} {fault}" for fault, number in faults.most_common())

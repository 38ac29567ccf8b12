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

logger = logging.getLogger(__name__)


class Note(StrEnum):
    """What is counted of rows that are kept."""

    ENLARGED = "enlarged"
    NO_QUESTION = "without a question"
    NO_REFERENCE = "without a reference answer"
    UNANNOUNCED = "with a toolbox that the prompt does not announce"
    UNKNOWN_TOOLBOX = "with an env_name that names no toolbox, so that the prompt decides"


@dataclass(frozen=True)
class Checked:
    """What came of a row: the row with notes on it, or the fault for which it is dropped."""

    row: dict[str, Any] | None
    notes: tuple[Note, ...] = ()
    fault: ConversationFault | ImageFault | None = None
    reason: str = ""


def notes(row: dict[str, Any], *, is_enlarged: bool) -> tuple[Note, ...]:
    """What is worth counting of a row that is kept.

    Raises `BadConversationError` for a row that asks for tools and would have none.
    """
    found = {
        Note.ENLARGED: is_enlarged,
        Note.NO_QUESTION: not row[EXTRA_INFO]["question"],
        Note.NO_REFERENCE: not references_of(row),
    }
    return tuple(note for note, is_so in found.items() if is_so) + _notes_on_tools(row)


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

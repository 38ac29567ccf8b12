"""What came of the check of a row, and how many rows that is said of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from swift_deepeyes.dataset.columns import EXTRA_INFO
from swift_deepeyes.dataset.conversation import ConversationFault
from swift_deepeyes.dataset.images import ImageFault
from swift_deepeyes.dataset.references import references_of


class Note(StrEnum):
    """What is counted of rows that are kept."""

    ENLARGED = "enlarged"
    NO_QUESTION = "without a question"
    NO_REFERENCE = "without a reference answer"


@dataclass(frozen=True)
class Checked:
    """What came of a row: the row with notes on it, or the fault for which it is dropped."""

    row: dict[str, Any] | None
    notes: tuple[Note, ...] = ()
    fault: ConversationFault | ImageFault | None = None
    reason: str = ""


def notes(row: dict[str, Any], *, is_enlarged: bool) -> tuple[Note, ...]:
    """What is worth counting of a row that is kept."""
    found = {
        Note.ENLARGED: is_enlarged,
        Note.NO_QUESTION: not row[EXTRA_INFO]["question"],
        Note.NO_REFERENCE: not references_of(row),
    }
    return tuple(note for note, is_so in found.items() if is_so)


def counts(dropped: Sequence[Checked]) -> str:
    """Dropped rows by fault, most first."""
    faults = Counter(str(one.fault) for one in dropped)
    return ", ".join(f"{number} {fault}" for fault, number in faults.most_common())

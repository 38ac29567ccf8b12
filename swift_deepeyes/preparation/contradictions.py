"""Rows that ask the same about the same images and expect different answers."""

from __future__ import annotations

from collections.abc import Iterator

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.judge.rules import letters
from swift_deepeyes.judge.rules.text import normalise
from swift_deepeyes.preparation.facts import RowFacts

SHOWN_CHARACTERS = 200


class Sighting(FrozenModel):
    """One row of a group."""

    row: int
    index: str
    reference: str


class Contradictions:
    """Finds them in one pass; what is kept of a row is a key and a short text."""

    def __init__(self) -> None:
        self._seen: dict[str, list[Sighting]] = {}
        self._differing: set[str] = set()
        self.duplicates = 0

    def add(self, facts: RowFacts) -> None:
        """Look at one row; rows that are dropped or have no reference contradict nothing."""
        if not facts.is_written or not facts.reference:
            return
        sighting = Sighting(
            row=facts.number, index=facts.index, reference=facts.reference[:SHOWN_CHARACTERS]
        )
        group = self._seen.setdefault(facts.question_key, [])
        if _meaning(sighting.reference) in {_meaning(other.reference) for other in group}:
            self.duplicates += 1
        elif group:
            self._differing.add(facts.question_key)
        group.append(sighting)

    def groups(self) -> Iterator[tuple[Sighting, ...]]:
        """The contradictory groups, in the order of their first rows."""
        for key, group in self._seen.items():
            if key in self._differing:
                yield tuple(group)


def _meaning(reference: str) -> str:
    """Equal for references that are the same answer: "A", "(a)", "A."."""
    return letters.bare_letter(reference) or normalise(reference)

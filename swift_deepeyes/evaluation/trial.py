"""What is run: one trial per question, tool mode, rotation and sample, planned in advance.

The order of the options hangs on the seed and the question's id alone, so a run that is repeated,
resumed or cut short asks exactly the same thing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from swift_deepeyes.evaluation.names import ToolMode
from swift_deepeyes.evaluation.question import LETTERS, Question
from swift_deepeyes.frozen import FrozenModel

# "(E) All the above answers are wrong.": true only in the last place.
_SPEAKS_OF_ABOVE = re.compile(r"\babove\b", re.IGNORECASE)
# "Both A and B", "A or C", "neither (A) nor (B)": true only in the published order.
_SPEAKS_OF_LETTERS = re.compile(r"\b\(?[A-J]\)?\s+(?:and|or|nor)\s+\(?[A-J]\)?(?:\W|\Z)")


class Trial(FrozenModel):
    """One trajectory to be run. `order` holds indices of the options as they are shown."""

    question: Question
    tool: ToolMode
    rotation: int = 0
    sample: int = 0
    order: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """Names the trial in the log; the same in every run with the same settings."""
        return f"{self.group}/s{self.sample}"

    @property
    def group(self) -> str:
        """Shared by the samples of one prompt."""
        return f"{self.question.id}/tool-{self.tool}/r{self.rotation}"

    @property
    def reference(self) -> str:
        """What is right: the letter under which the right option is shown, or the text."""
        if self.question.right is None:
            return self.question.reference
        return LETTERS[self.order.index(self.question.right)]

    def seed(self, seed: int, turn: int) -> int:
        """A seed for the server's sampling, of this trial's turn alone."""
        digest = blake2b(f"{seed}/{self.id}/{turn}".encode(), digest_size=4).digest()
        return int.from_bytes(digest, "big") >> 1  # servers want a signed 32-bit number


def option_order(question: Question, seed: int | None) -> tuple[int, ...]:
    """The options' order: shuffled by the seed and the question's id; None: as published."""
    order = list(range(len(question.options)))
    if seed is None:
        return tuple(order)
    movable = _movable(question)
    places = [place for place in order if place in movable]
    shuffled = places.copy()
    random.Random(f"{seed}/{question.id}").shuffle(shuffled)
    for place, option in zip(places, shuffled, strict=True):
        order[place] = option
    return tuple(order)


def rotate(order: tuple[int, ...], question: Question, rotation: int) -> tuple[int, ...]:
    """The order with its movable options shifted by `rotation` places, cyclically."""
    movable = _movable(question)
    places = [place for place, option in enumerate(order) if option in movable]
    rotated = list(order)
    for number, place in enumerate(places):
        rotated[place] = order[places[(number + rotation) % len(places)]]
    return tuple(rotated)


def rotation_count(question: Question) -> int:
    """How many different rotations the options have; 1 without movable options."""
    return max(1, len(_movable(question)))


def plan_trials(
    questions: Sequence[Question],
    *,
    tools: Sequence[ToolMode],
    all_rotations: bool,
    samples: int,
    seed: int | None,
) -> Iterator[Trial]:
    """All trials, those of one question together; `seed` None: options as published."""
    for question in questions:
        base = option_order(question, seed)
        for rotation in range(rotation_count(question) if all_rotations else 1):
            order = rotate(base, question, rotation)
            for tool in tools:
                for sample in range(samples):
                    yield Trial(
                        question=question, tool=tool, rotation=rotation, sample=sample, order=order
                    )


def _movable(question: Question) -> frozenset[int]:
    """The options that mean the same in any place."""
    if any(_SPEAKS_OF_LETTERS.search(option) for option in question.options):
        return frozenset()
    indices = range(len(question.options))
    return frozenset(i for i in indices if not _SPEAKS_OF_ABOVE.search(question.options[i]))

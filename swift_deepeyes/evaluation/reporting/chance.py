"""What one gets on exactly these trials without looking at an image.

V* as published has the right option always first: a model that likes "A" gains from that, and one
that says nothing else gets 100 %. Figures mean something only beside these.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from statistics import fmean

from swift_deepeyes.evaluation.question import LETTERS
from swift_deepeyes.evaluation.trial import Trial
from swift_deepeyes.frozen import FrozenModel

_OPTION_LINE = re.compile(r"^\s*\(?([A-J])[.):]", re.MULTILINE)
_LETTER = re.compile(r"\(?([A-J])\)?\.?")
_YES_NO = frozenset({"yes", "no"})


class ChanceBaseline(FrozenModel):
    """Shares of right answers; None where the questions have no fixed answers to guess among.

    `first_option` always says "A" (or "yes"); `favourite` always says what is most often right
    here; `random` draws evenly; `first_as_published` says "A" to the options in the file's order.
    """

    first_option: float | None
    favourite: float | None
    favourite_answer: str | None
    random: float | None
    first_as_published: float | None


def guess(trials: Sequence[Trial]) -> ChanceBaseline:
    """What chance would get on these trials, each question with the same weight."""
    guessable = [(trial, _answers(trial)) for trial in trials]
    known = [(trial, answers) for trial, answers in guessable if answers]
    if not known:
        return ChanceBaseline(
            first_option=None,
            favourite=None,
            favourite_answer=None,
            random=None,
            first_as_published=None,
        )
    weights = Counter(trial.question.id for trial, _ in known)
    shares: dict[str, Fraction] = defaultdict(Fraction)
    for trial, _ in known:
        shares[_reference(trial)] += Fraction(1, weights[trial.question.id] * len(weights))
    favourite = max(sorted(shares), key=lambda answer: shares[answer])
    first = "yes" if all(answers == ("yes", "no") for _, answers in known) else LETTERS[0]
    questions = {trial.question.id: (trial, answers) for trial, answers in known}.values()
    published = [
        trial.question.right == 0 for trial, _ in questions if trial.question.right is not None
    ]
    return ChanceBaseline(
        first_option=float(shares.get(first, 0)),
        favourite=float(shares[favourite]),
        favourite_answer=favourite,
        random=fmean(1 / len(answers) for _, answers in questions),
        first_as_published=fmean(published) if published else None,
    )


def _answers(trial: Trial) -> tuple[str, ...]:
    """The answers that a guesser chooses among; empty: an open question."""
    question = trial.question
    if question.right is not None:
        return tuple(LETTERS[: len(question.options)])
    if question.reference.lower() in _YES_NO:
        return ("yes", "no")
    if _LETTER.fullmatch(question.reference):  # a row that brings its own prompt with options
        letters = tuple(sorted(set(_OPTION_LINE.findall(question.text))))
        return letters if len(letters) > 1 else ()
    return ()


def _reference(trial: Trial) -> str:
    reference = trial.reference
    letter = _LETTER.fullmatch(reference)
    return letter[1] if letter else reference.lower()

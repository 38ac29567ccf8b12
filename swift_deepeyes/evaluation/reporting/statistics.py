"""Shares with 95 % intervals. Several trials of one question are not independent: questions are.

A share: Wilson's score interval at the effective number of questions (Kish), as Dean and Pavlou
(2015) and Franco, Little, Louis and Slud (J. Survey Statistics and Methodology 7, 2019) recommend
for clustered samples; the variance between few questions is itself uncertain, which Korn and
Graubard (Survey Methodology 24, 1998) take into account by Student's distribution. Where all
questions came out alike nothing is known about that variance, and each counts once. A difference
of pairs: Agresti and Min (Statistics in Medicine 24, 2005). No interval has a width of zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from swift_deepeyes.frozen import FrozenModel

_Z = 1.959964  # 95 %, two-sided
_PSEUDO_PAIRS = 2.0  # half a one in each cell of the table of pairs


class Proportion(FrozenModel):
    """A mean in [0, 1] (or a difference of two) with its 95 % interval, over `questions`."""

    value: float
    low: float
    high: float
    questions: int
    trials: int


def share(by_question: Sequence[Sequence[float]]) -> Proportion | None:
    """The mean over questions of each question's mean; None without any."""
    groups = [group for group in by_question if group]
    if not groups:
        return None
    means = [_mean(group) for group in groups]
    value = _mean(means)
    trials = sum(map(len, groups))
    count = float(len(groups)) if trials == len(groups) else _effective_count(means, trials)
    low, high = wilson(value * count, count)
    return Proportion(
        value=value,
        low=min(low, value),
        high=max(high, value),
        questions=len(groups),
        trials=trials,
    )


def paired_difference(
    pairs: Sequence[tuple[Sequence[float], Sequence[float]]],
) -> Proportion | None:
    """Mean of the first minus mean of the second, over questions that have both; in [-1, 1]."""
    both = [(first, second) for first, second in pairs if first and second]
    if not both:
        return None
    differences = [_mean(first) - _mean(second) for first, second in both]
    value = _mean(differences)
    low, high = _agresti_min(differences)
    return Proportion(
        value=value,
        low=min(low, value),
        high=max(high, value),
        questions=len(both),
        trials=sum(len(first) + len(second) for first, second in both),
    )


def wilson(right: float, count: float) -> tuple[float, float]:
    """Wilson's score interval of `right` out of `count`; neither need be whole."""
    proportion, square = right / count, _Z**2
    middle = (proportion + square / (2 * count)) / (1 + square / count)
    spread = max(0.0, proportion * (1 - proportion)) / count + square / (4 * count**2)
    half = _Z * math.sqrt(spread) / (1 + square / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def _effective_count(means: Sequence[float], trials: int) -> float:
    """How many independent trials would tell as much: from all of them down to one a question."""
    count, value = len(means), _mean(means)
    squares = math.fsum((mean - value) ** 2 for mean in means)
    if math.isclose(squares, 0.0, abs_tol=1e-12):
        return float(count)
    variance = squares / (count - 1)
    effective = value * (1 - value) * count / variance * (_Z / _student(count - 1)) ** 2
    return min(effective, float(trials))


def _agresti_min(differences: Sequence[float]) -> tuple[float, float]:
    """Wald's interval after two more pairs: half a one of each outcome (+1, -1, and twice 0)."""
    count = len(differences) + _PSEUDO_PAIRS
    middle = math.fsum(differences) / count
    squares = math.fsum(difference**2 for difference in differences) + _PSEUDO_PAIRS / 2
    half = _Z * math.sqrt((squares / count - middle**2) / count)
    return max(-1.0, middle - half), min(1.0, middle + half)


def _student(freedom: int) -> float:
    """Student's 97.5 % quantile (Abramowitz and Stegun, 26.7.5; within 1 % from 3 degrees on)."""
    z = _Z
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)

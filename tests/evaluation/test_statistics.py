from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swift_deepeyes.evaluation.reporting.statistics import (
    Proportion,
    paired_difference,
    share,
    wilson,
)

SCORES = st.lists(st.lists(st.sampled_from([0.0, 1.0]), max_size=9), min_size=1, max_size=40)
PAIRS = st.lists(st.tuples(*[st.lists(st.sampled_from([0.0, 1.0]), max_size=5)] * 2), max_size=40)


def known(found: Proportion | None) -> Proportion:
    assert found is not None
    return found


def width(found: Proportion | None) -> float:
    return known(found).high - known(found).low


def test_wilson_against_known_values() -> None:
    low, high = wilson(9, 10)
    assert (low, high) == (pytest.approx(0.5958, abs=1e-4), pytest.approx(0.9821, abs=1e-4))
    assert wilson(0, 20)[0] == 0
    assert wilson(20, 20)[1] == 1


def test_samples_of_a_question_are_no_new_questions() -> None:
    once = share([[1.0]] * 30 + [[0.0]] * 10)
    often = share([[1.0] * 32] * 30 + [[0.0] * 32] * 10)
    assert once is not None
    assert often is not None
    assert once.value == often.value == 0.75
    assert (often.questions, often.trials) == (40, 1280)
    assert often.high - often.low == pytest.approx(once.high - once.low, rel=0.15)


def test_questions_weigh_the_same_however_often_they_are_asked() -> None:
    found = share([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0]])
    assert found is not None
    assert found.value == 0.5


def test_paired_difference_knows_only_common_questions() -> None:
    found = paired_difference([([1.0], [0.0]), ([1.0], [1.0]), ([1.0], [])])
    assert found is not None
    assert (found.value, found.questions) == (0.5, 2)
    assert share([[], []]) is None


def test_all_right_is_not_certain() -> None:
    """Five questions, eight samples each: as much is known as of five questions."""
    for score in (1.0, 0.0):
        found = known(share([[score] * 8] * 5))
        low, high = wilson(5 * score, 5)
        assert (found.value, found.low, found.high) == (score, low, high)
    assert known(share([[1.0] * 8] * 5)).low == pytest.approx(0.5655, abs=1e-4)
    alike = known(share([[1.0, 0.0]] * 5))
    assert (alike.low, alike.high) == wilson(2.5, 5)


def test_a_difference_without_spread_is_not_certain() -> None:
    """Agresti and Min by hand: n = 10 pairs without a difference, 12 with the two added."""
    same = known(paired_difference([([1.0], [1.0])] * 10))
    assert same.value == 0
    assert (same.low, same.high) == (pytest.approx(-0.1633, abs=1e-4), pytest.approx(0.1633, 1e-3))
    always = known(paired_difference([([1.0], [0.0])] * 10))
    assert 0.4 < always.low < 0.8
    assert always.high == always.value == 1


@given(SCORES)
def test_an_interval_holds_its_estimate_and_is_never_a_point(scores: list[list[float]]) -> None:
    found = share(scores)
    if found is None:
        assert not any(scores)
        return
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0.01
    assert width(share(scores * 4)) < width(found)


@given(PAIRS)
@settings(max_examples=60)
def test_so_does_that_of_a_difference(pairs: list[tuple[list[float], list[float]]]) -> None:
    found = paired_difference(pairs)
    if found is None:
        return
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0.01
    assert width(paired_difference(pairs * 4)) < width(found)


@pytest.mark.parametrize("mean", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("correlation", [0.05, 0.5, 0.9])
@pytest.mark.parametrize(("questions", "samples"), [(5, 8), (20, 8), (100, 4)])
def test_nineteen_of_twenty_intervals_hold_the_truth(
    mean: float, correlation: float, questions: int, samples: int
) -> None:
    """Questions drawn from a beta distribution; near the extremes a few percent may lack."""
    generator = np.random.default_rng(7)
    first = mean * (1 - correlation) / correlation
    second = (1 - mean) * (1 - correlation) / correlation
    rounds, held = 400, 0
    for _ in range(rounds):
        chances = generator.beta(first, second, questions)
        scores = generator.random((questions, samples)) < chances[:, None]
        found = known(share(scores.astype(float).tolist()))
        held += found.low <= mean <= found.high
    assert held / rounds >= 0.88


@pytest.mark.parametrize("gain", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("questions", [10, 60])
def test_so_do_those_of_differences(gain: float, questions: int) -> None:
    generator = np.random.default_rng(7)
    rounds, held = 400, 0
    for _ in range(rounds):
        chances = generator.beta(3, 2, questions) * (1 - gain)
        without = (generator.random((questions, 4)) < chances[:, None]).astype(float)
        with_tool = (generator.random((questions, 4)) < chances[:, None] + gain).astype(float)
        pairs = list(zip(with_tool.tolist(), without.tolist(), strict=True))
        found = known(paired_difference(pairs))
        held += found.low <= gain <= found.high
    assert held / rounds >= 0.92

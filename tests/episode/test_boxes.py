from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_deepeyes.episode.boxes import (
    Box,
    BoxError,
    BoxRules,
    Extent,
    Frame,
    Size,
    fit_box,
    read_box,
)
from swift_deepeyes.episode.trajectory import CallStatus
from swift_deepeyes.settings import SmallBoxes
from tests.episode.helpers import RULES

EXTENT = Extent(view=Size(1008, 560), source=Size(1920, 1080))
ENLARGE = replace(RULES, small_boxes=SmallBoxes.ENLARGE)


def fit(*numbers: object, frame: Frame = Frame.PIXEL, rules: BoxRules | None = None) -> Box:
    return fit_box(read_box(list(numbers), frame), EXTENT, rules or RULES)


def test_pixel_boxes_are_taken_as_they_are() -> None:
    assert fit(100, 50, 200, 150).corners == (100, 50, 200, 150)


def test_fractions_are_rounded_outwards() -> None:
    assert fit(100.2, 50.7, 200.1, 150.0).corners == (100, 50, 201, 150)


def test_norm1000_counts_thousandths_of_the_view() -> None:
    assert fit(0, 0, 1000, 1000, frame=Frame.NORM1000).corners == (0, 0, 1008, 560)
    assert fit(250, 500, 500, 750, frame=Frame.NORM1000).corners == (252, 280, 504, 420)


def test_partly_outside_is_clamped() -> None:
    assert fit(-50, -50, 5000, 100).corners == (0, 0, 1008, 100)


@pytest.mark.parametrize(
    ("numbers", "status"),
    [
        ((2000, 0, 2100, 100), CallStatus.BOX_OUTSIDE),
        ((-10, -10, 0, 0), CallStatus.BOX_OUTSIDE),
        ((200, 0, 100, 100), CallStatus.BAD_BOX),
        ((0, 100, 100, 100), CallStatus.BAD_BOX),
        ((0, 0, 30, 100), CallStatus.BOX_TOO_SMALL),
        ((0, 0, math.nan, 100), CallStatus.BAD_BOX),
        ((0, 0, math.inf, 100), CallStatus.BAD_BOX),
        ((0, 0, 10**400, 100), CallStatus.BAD_BOX),
        ((0, 0, True, 100), CallStatus.BAD_BOX),
        ((0, 0, "100", 100), CallStatus.BAD_BOX),
        ((0, 0, [100], 100), CallStatus.BAD_BOX),
        ((0, 0, 100), CallStatus.BAD_BOX),
    ],
)
def test_refused_boxes(numbers: tuple[object, ...], status: CallStatus) -> None:
    with pytest.raises(BoxError) as caught:
        fit(*numbers)
    assert caught.value.status is status


def test_the_smallest_box_is_31_pixels() -> None:
    assert fit(0, 0, 31, 100).width == 31


def test_the_outside_error_states_the_size_in_the_models_frame() -> None:
    with pytest.raises(BoxError, match="1008 wide and 560 high"):
        fit(2000, 0, 2100, 100)
    with pytest.raises(BoxError, match=r"1000 wide and 1000 high .*0 to 1000"):
        fit(1200, 0, 2100, 100, frame=Frame.NORM1000)


def test_too_thin_boxes() -> None:
    thin = Extent(view=Size(28 * 200, 56), source=Size(28 * 200, 56))
    with pytest.raises(BoxError) as caught:
        fit_box(read_box([0, 0, 5600, 40], Frame.PIXEL), thin, RULES)
    assert caught.value.status is CallStatus.BOX_TOO_LONG


def test_enlarging_keeps_the_centre_and_stays_inside() -> None:
    assert fit(500, 300, 510, 310, rules=ENLARGE).corners == (489, 289, 520, 320)
    assert fit(0, 0, 5, 5, rules=ENLARGE).corners == (0, 0, 31, 31)
    assert fit(1003, 555, 1008, 560, rules=ENLARGE).corners == (977, 529, 1008, 560)


@given(
    st.floats(0, 1000), st.floats(0, 1000), st.floats(0, 1000), st.floats(0, 1000),
    st.sampled_from(list(Frame)), st.sampled_from(list(Frame)),
)  # fmt: skip
def test_frames_convert_back_exactly(
    left: float, top: float, width: float, height: float, one: Frame, other: Frame
) -> None:
    box = Box(left, top, left + width, top + height, one)
    back = box.to(other, EXTENT).to(one, EXTENT)
    assert back.corners == pytest.approx(box.corners, abs=1e-6)


def _hostile_number(rng: random.Random) -> object:
    return rng.choice(
        [
            rng.uniform(-100, 1500), rng.randint(-100, 1500), rng.uniform(0, 1000), 0, -0.0, 1e300,
            -1e300, 1e-300, math.nan, math.inf, -math.inf, True, None, "7", [1], {}, 10**400,
        ]
    )  # fmt: skip


@pytest.mark.parametrize("small_boxes", list(SmallBoxes))
def test_100000_random_boxes_give_a_crop_within_limits_or_an_error(small_boxes: SmallBoxes) -> None:
    rng = random.Random(7)
    rules = replace(RULES, small_boxes=small_boxes)
    cut = 0
    for _ in range(50_000):
        numbers = [_hostile_number(rng) for _ in range(4 if rng.random() < 0.97 else 3)]
        if rng.random() < 0.5:
            numbers = sorted((rng.uniform(-200, 1200) for _ in range(2)), key=float)
            numbers = [numbers[0], numbers[0] / 2, numbers[1], numbers[1] / 2 + 1]
        view = Size(rng.randint(28, 3000), rng.randint(28, 3000))
        extent = Extent(view, Size(view.width * 2 + 1, view.height * 2 + 1))
        value = numbers if rng.random() < 0.98 else rng.choice([None, "box", {}, 3, [numbers]])
        try:
            box = fit_box(read_box(value, rng.choice([Frame.PIXEL, Frame.NORM1000])), extent, rules)
        except BoxError as error:
            assert "nan" not in str(error) and len(str(error)) < 250
            continue
        cut += 1
        assert all(float(side).is_integer() for side in box.corners)
        assert 0 <= box.left < box.right <= view.width
        assert 0 <= box.top < box.bottom <= view.height
        assert max(box.width, box.height) <= 100 * min(box.width, box.height)
        least = 31 if small_boxes is SmallBoxes.REFUSE else min(31, *view)
        assert min(box.width, box.height) >= least
    assert cut > 5_000

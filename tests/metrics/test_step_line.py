"""A step in one line, and how long the run still takes."""

from __future__ import annotations

import math

import pytest

from swift_deepeyes.metrics.counts import ACCURACY, CROP_SHARE, JUDGE_SECONDS, REWARD, TURNS
from swift_deepeyes.metrics.pace import Pace, duration
from swift_deepeyes.metrics.step_line import step_line

VALUES = {REWARD: 1.608, ACCURACY: 0.8125, CROP_SHARE: 0.875, TURNS: 1.9375, JUDGE_SECONDS: 3.14}


def test_the_line() -> None:
    assert step_line(12, 80, VALUES, 5 * 3600 + 20 * 60) == (
        "step 12/80  reward 1.61  right 81 %  crop 88 %  turns 1.9  judge 3.1 s  left 5 h 20 min"
    )


def test_what_is_missing_is_left_out_and_never_made_up() -> None:
    assert step_line(3, None, {ACCURACY: 0.0, "loss": 0.5}) == "step 3  right 0 %"
    odd: dict[str, object] = {REWARD: math.nan, ACCURACY: "1", CROP_SHARE: 10**400, TURNS: None}
    assert step_line(3, 80, odd, 60.0) is None
    assert step_line(3, 80, {"eval_reward": 1.0, "eval_" + ACCURACY: 1.0}, 60.0) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (90 * 60 - 1, "1 h 30 min"),
        (3600, "1 h 0 min"),
        (86400 - 20, "1 d 0 h"),
        (86400 * 3 + 3600 * 5.4, "3 d 5 h"),
    ],
)
def test_a_time_as_people_read_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_left_is_told_by_the_steps_of_this_run() -> None:
    pace = Pace()
    pace.reach(40, 1000.0)  # resumed there
    assert pace.left(80) is None
    for step in range(41, 44):
        pace.reach(step, 1000.0 + (step - 40) * 30)
        pace.reach(step, 9999.0)  # the next step begins where this one ended
    assert pace.left(80) == (80 - 43) * 30
    assert pace.left(43) is None


def test_the_last_steps_count_and_not_the_slow_first_one() -> None:
    pace = Pace()
    pace.reach(0, 0.0)
    for step in range(1, 50):
        pace.reach(step, 5000.0 + step * 10)
    assert pace.left(100) == 51 * 10

"""One line that says how a step went, of the same metrics as the curves.

`step 12/80  reward 1.61  right 81 %  crop 88 %  turns 1.9  judge 3.1 s  left 5 h 20 min`
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from swift_deepeyes.metrics.counts import ACCURACY, CROP_SHARE, JUDGE_SECONDS, REWARD, TURNS
from swift_deepeyes.metrics.pace import duration


def as_percent(share: float) -> str:
    """`81 %`."""
    return f"{share * 100:.0f} %"


PARTS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("reward", REWARD, "{:.2f}".format),
    ("right", ACCURACY, as_percent),
    ("crop", CROP_SHARE, as_percent),
    ("turns", TURNS, "{:.1f}".format),
    ("judge", JUDGE_SECONDS, "{:.1f} s".format),
)
"""What the line says after the step: the word, the metric, and how its value is written."""


def step_line(
    step: int, steps: int | None, values: Mapping[str, object], seconds_left: float | None = None
) -> str | None:
    """The line of a step, without what is missing; None where `values` hold nothing that it says.

    `steps`: of the whole run; None: not known.
    """
    words = [
        f"{word} {write(value)}"
        for word, name, write in PARTS
        if isinstance(value := values.get(name), float) and math.isfinite(value)
    ]
    if not words:
        return None
    if seconds_left is not None:
        words.append(f"left {duration(seconds_left)}")
    return "  ".join([f"step {step}/{steps}" if steps else f"step {step}", *words])

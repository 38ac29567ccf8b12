"""The few curves that a terminal has room for, and the small blocks that draw them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from swift_deepeyes.metrics.counts import (
    ACCURACY,
    CROP_SHARE,
    FORMAT_ERROR_SHARE,
    JUDGE_SECONDS,
    PREFIX,
    REWARD,
    TURNS,
)
from swift_deepeyes.metrics.step_line import as_percent

BLOCKS = " ▁▂▃▄▅▆▇█"
PLAIN_BLOCKS = " .:-=+*#@"
"""For terminals whose encoding has no blocks."""

_LEVELS = len(BLOCKS) - 1
_LEAST_SPAN = 0.1
"""Of the largest value: noise of a flat curve is not drawn from the floor to the ceiling."""


@dataclass(frozen=True, slots=True)
class WatchedCurve:
    """One metric over the steps, in their order. `top`: what fills its height; None: its highest.

    Of a curve with a `top` the floor is 0, of another its lowest value.
    """

    title: str
    points: tuple[tuple[int, float], ...]
    write: Callable[[float], str]
    top: float | None = None


@dataclass(frozen=True, slots=True)
class _Chosen:
    title: str
    name: str
    write: Callable[[float], str]
    top: float | None = None


_CHOSEN = (
    _Chosen("reward", REWARD, "{:.2f}".format),
    _Chosen("right", ACCURACY, as_percent, 1.0),
    _Chosen("with a crop", CROP_SHARE, as_percent, 1.0),
    _Chosen("calls that worked", PREFIX + "tool_calls/success_rate", as_percent, 1.0),
    _Chosen("turns", TURNS, "{:.1f}".format),
    _Chosen("format errors", FORMAT_ERROR_SHARE, as_percent, 1.0),
    _Chosen("equal rewards", "frac_reward_zero_std", as_percent, 1.0),
    _Chosen("judge", JUDGE_SECONDS, "{:.1f} s".format),
    _Chosen("length", "completions/mean_length", "{:.0f}".format),
)
NAMES = frozenset(chosen.name for chosen in _CHOSEN)
"""The metrics that are drawn."""


def curves_of(steps: Mapping[int, Mapping[str, float]]) -> tuple[WatchedCurve, ...]:
    """The curves of which there is a value, from the metrics of each step."""
    made = (
        WatchedCurve(chosen.title, _points(chosen.name, steps), chosen.write, chosen.top)
        for chosen in _CHOSEN
    )
    return tuple(curve for curve in made if curve.points)


def _points(name: str, steps: Mapping[int, Mapping[str, float]]) -> tuple[tuple[int, float], ...]:
    return tuple((step, values[name]) for step, values in sorted(steps.items()) if name in values)


def sparkline(
    curve: WatchedCurve, steps: Sequence[int], width: int, rows: int = 1, blocks: str = BLOCKS
) -> list[str]:
    """The curve over `steps` as `rows` lines of at most `width` characters, the upper one first.

    A character stands for one step, or for the mean of several; a blank one for none.
    """
    values = _means([dict(curve.points).get(step) for step in steps], width)
    heights = [_height(share, rows) for share in _shares(values, curve.top)]
    return [
        "".join(blocks[min(max(height - _LEVELS * below, 0), _LEVELS)] for height in heights)
        for below in reversed(range(rows))
    ]


def _height(share: float | None, rows: int) -> int:
    """In levels; what has a value has at least one, so that it is seen."""
    return 0 if share is None else round(share * (_LEVELS * rows - 1)) + 1


def _means(values: Sequence[float | None], count: int) -> list[float | None]:
    if len(values) <= count:
        return list(values)
    edges = [place * len(values) // count for place in range(count + 1)]
    parts = ([v for v in values[start:end] if v is not None] for start, end in pairwise(edges))
    return [math.fsum(part) / len(part) if part else None for part in parts]


def _shares(values: Sequence[float | None], top: float | None) -> list[float | None]:
    """Each value as a share of the height."""
    known = [value for value in values if value is not None]
    low = 0.0 if top is not None else min(known)
    high = top if top is not None else max(known)
    span = max(high - low, _LEAST_SPAN * max(abs(high), abs(low))) or 1.0
    return [None if v is None else min(max((v - low) / span, 0.0), 1.0) for v in values]

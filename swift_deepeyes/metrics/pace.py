"""How long a run still takes, by its own last steps, and how people read a time."""

from __future__ import annotations

from collections import deque

_STEPS = 20
"""So many of the last steps: the first ones are slower, and answers get longer over a run."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Pace:
    """Hears when steps are reached. A resumed run begins a new one: its pause is no step."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, float]] = deque(maxlen=_STEPS + 1)

    def reach(self, step: int, seconds: float) -> None:
        """`step` steps are done at this time, on any clock that runs on."""
        if self._marks and step <= self._marks[-1][0]:
            return
        self._marks.append((step, seconds))

    def left(self, steps: int) -> float | None:
        """Seconds until `steps` steps are done; None: not known yet, or they are done."""
        if len(self._marks) < 2:
            return None
        (first, since), (last, until) = self._marks[0], self._marks[-1]
        if steps <= last:
            return None
        return (steps - last) * (until - since) / (last - first)


def duration(seconds: float) -> str:
    """`5 h 20 min`: the two largest units, the smaller one rounded."""
    seconds = max(seconds, 0.0)
    if round(seconds) < _MINUTE:
        return f"{round(seconds)} s"
    minutes = round(seconds / _MINUTE)
    if minutes < 60:
        return f"{minutes} min"
    if minutes * _MINUTE < _DAY:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / _HOUR)
    return f"{hours // 24} d {hours % 24} h"

"""Scores and scored lines for tests, from the parts that matter there."""

from __future__ import annotations

from typing import Any

from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.scoring.score import SampleScore


def score_of(
    accuracy: float | None = None, *, format: float = 0.0, tool: float = 0.0, **parts: Any
) -> SampleScore:
    """A score with the method's terms; `parts` are the other fields."""
    return SampleScore(terms={"accuracy": accuracy, "format": format, "tool": tool}, **parts)


def scored(line: LoggedTrajectory, **parts: Any) -> LoggedTrajectory:
    """The line with another score (`score_of`)."""
    return line.model_copy(update={"score": score_of(**parts)})

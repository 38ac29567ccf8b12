"""Published figures and the conditions under which they were measured.

They stand beside one's own for orientation only: other prompts, judges, orders of options and
numbers of samples. Sources: the papers' tables, and DeepEyes pull request #66 for shuffled options.
Each benchmark's own are in its file.
"""

from __future__ import annotations

from swift_deepeyes.frozen import FrozenModel

DEEPEYES, QWEN = "DeepEyes-7B", "Qwen2.5-VL-7B"
PAPER = "paper"
BASE = "base model, as the DeepEyes paper reports it"
AVERAGE = "paper; mean of 32 samples"


class PublishedFigure(FrozenModel):
    """One published accuracy, in percent, as it was written down."""

    model: str
    figure: str
    conditions: str


def published(model: str, figure: str, conditions: str = PAPER) -> PublishedFigure:
    """A figure as a benchmark's file states it."""
    return PublishedFigure(model=model, figure=figure, conditions=conditions)

"""Published figures and the conditions under which they were measured.

They stand beside one's own for orientation only: other prompts, judges, orders of options and
numbers of samples. Sources: the papers' tables, and DeepEyes pull request #66 for shuffled options.
"""

from __future__ import annotations

from swift_deepeyes.evaluation.names import BenchmarkName
from swift_deepeyes.frozen import FrozenModel

_FIRST_IS_RIGHT = "paper; its code showed V*'s options unshuffled, the right one always A"
_PAPER = "paper"
_BASE = "base model, as the DeepEyes paper reports it"
_AVERAGE = "paper; mean of 32 samples"
_SHUFFLED = "the released model with shuffled options, two runs (DeepEyes pull request #66)"
_UNSHUFFLED = "the same two runs without shuffling (DeepEyes pull request #66)"


class PublishedFigure(FrozenModel):
    """One published accuracy, in percent, as it was written down."""

    model: str
    figure: str
    conditions: str


def _of(model: str, figure: str, conditions: str = _PAPER) -> PublishedFigure:
    return PublishedFigure(model=model, figure=figure, conditions=conditions)


_DEEPEYES, _QWEN = "DeepEyes-7B", "Qwen2.5-VL-7B"

PUBLISHED: dict[BenchmarkName, tuple[PublishedFigure, ...]] = {
    BenchmarkName.VSTAR: (
        _of(_DEEPEYES, "90.1", _FIRST_IS_RIGHT),
        _of(_DEEPEYES, "89.0, 91.6", _UNSHUFFLED),
        _of(_DEEPEYES, "84.3, 85.9", _SHUFFLED),
        _of(_QWEN, "71.2", _BASE),
        _of("Mini-o3-7B", "88.2", _AVERAGE),
        _of("Thyme-7B", "82.2"),
    ),
    BenchmarkName.HRBENCH_4K: (
        _of(_DEEPEYES, "75.1"),
        _of(_QWEN, "68.8", _BASE),
        _of("Mini-o3-7B", "77.5", _AVERAGE),
        _of("Thyme-7B", "77.0"),
    ),
    BenchmarkName.HRBENCH_8K: (
        _of(_DEEPEYES, "72.6"),
        _of(_QWEN, "65.3", _BASE),
        _of("Mini-o3-7B", "73.3", _AVERAGE),
        _of("Thyme-7B", "72.0"),
    ),
    BenchmarkName.MME_REALWORLD_LITE: (_of(_DEEPEYES, "53.2"),),
    BenchmarkName.POPE: (_of(_DEEPEYES, "87.7"),),
}

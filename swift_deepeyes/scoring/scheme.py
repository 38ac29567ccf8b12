"""Which rule scores a row, and the method's weights for it.

Source: `vstar` and `chart` are scored visually, `thinklite*` by the math rules, as the official
code does (which also knows the names `vl_agent` and `xince`). The weights are the paper's.
"""

from __future__ import annotations

from enum import StrEnum

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.scoring.verdict import QuestionKind

_VISUAL_SOURCES = frozenset({"vstar", "chart", "vl_agent"})
_MATH_SOURCES = frozenset({"xince"})
_MATH_PREFIX = "thinklite"
_BOX_COMMAND = "\\boxed"


class ScoringScheme(StrEnum):
    r"""How a row is scored: an `<answer>` with tool bonus, or a `\boxed{}` without."""

    VISUAL = "visual"
    MATH = "math"

    @property
    def question_kind(self) -> QuestionKind:
        """What the judge is asked under this rule."""
        return QuestionKind.MATH if self is ScoringScheme.MATH else QuestionKind.OPEN


class Weights(FrozenModel):
    """Factors of the three score parts in the total."""

    accuracy: float
    format: float
    tool: float

    def total(self, accuracy: float, format_score: float, tool: float) -> float:
        """The weighted sum, added in the official code's order so that floats agree bit by bit."""
        return self.accuracy * accuracy + self.format * format_score + self.tool * tool


WEIGHTS = {
    ScoringScheme.VISUAL: Weights(accuracy=0.8, format=0.2, tool=1.2),
    ScoringScheme.MATH: Weights(accuracy=1.2, format=0.4, tool=0.0),
}


def rule_of_source(source: str | None) -> ScoringScheme | None:
    """The rule of a data source that the method knows; None for any other."""
    if source is None:
        return None
    if source in _VISUAL_SOURCES:
        return ScoringScheme.VISUAL
    if source in _MATH_SOURCES or source.startswith(_MATH_PREFIX):
        return ScoringScheme.MATH
    return None


def rule_of_unknown_source(has_tool: bool, prompt: str) -> ScoringScheme:
    r"""The rule where the source says nothing: math if there is no tool and a box is asked for.

    The math rules give 0 to every answer without a `\boxed{}`, so they are right only where the
    prompt asks for one; everything else is read from `<answer>`.
    """
    if not has_tool and _BOX_COMMAND in prompt:
        return ScoringScheme.MATH
    return ScoringScheme.VISUAL

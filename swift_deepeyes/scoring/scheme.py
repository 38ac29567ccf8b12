"""The terms of the reward, and the schemes that weigh them.

Source: `vstar` and `chart` are scored visually, `thinklite*` by the math scheme, as the official
code does (which also knows the names `vl_agent` and `xince`). The weights are the paper's.

A new term is one decorated function at the end of this file; its curve, its place in the log, its
column in the viewer and its ms-swift reward (`deepeyes_<name>`) follow from the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.scoring.extraction import Extraction
from swift_deepeyes.scoring.transcript import Transcript
from swift_deepeyes.scoring.verdict import QuestionKind

_VISUAL_SOURCES = frozenset({"vstar", "chart", "vl_agent"})
_MATH_SOURCES = frozenset({"xince"})
_MATH_PREFIX = "thinklite"
_BOXED_COMMAND = "\\boxed"


class ScoringScheme(StrEnum):
    r"""How a row is scored: an `<answer>` with tool bonus, or a `\boxed{}` without."""

    VISUAL = "visual"
    MATH = "math"

    @property
    def question_kind(self) -> QuestionKind:
        """What the judge is asked under this scheme."""
        return QuestionKind.MATH if self is ScoringScheme.MATH else QuestionKind.OPEN


class JudgedSample(FrozenModel):
    """What a term may look at.

    `accuracy` is 1 or 0, None where nothing could judge the answer; `transcript` is None where the
    row has no text.
    """

    scheme: ScoringScheme
    accuracy: float | None
    extraction: Extraction
    transcript: Transcript | None = None


@dataclass(frozen=True, slots=True)
class RewardTerm:
    """One summand of the reward.

    `value` is None where nothing is known. `needs_verdict`: the term hangs on the verdict, so that
    an answer which nothing could judge gets the mean of its question's judged answers instead.
    """

    name: str
    value: Callable[[JudgedSample], float | None]
    weights: Mapping[ScoringScheme, float]
    needs_verdict: bool


REWARD_TERMS: dict[str, RewardTerm] = {}
"""All terms by name, in the order in which they are summed."""

_Function = Callable[[JudgedSample], float | None]


def reward_term(
    name: str, *, visual: float, math: float, needs_verdict: bool = False
) -> Callable[[_Function], _Function]:
    """Register a function as a term of the reward, with its weight in each scheme."""
    weights = {ScoringScheme.VISUAL: visual, ScoringScheme.MATH: math}

    def register(function: _Function) -> _Function:
        REWARD_TERMS[name] = RewardTerm(name, function, weights, needs_verdict)
        return function

    return register


def values_of_terms(sample: JudgedSample) -> dict[str, float | None]:
    """The value of every term."""
    return {name: term.value(sample) for name, term in REWARD_TERMS.items()}


def weighted_sum(scheme: ScoringScheme, values: Mapping[str, float | None]) -> float:
    """The reward, added in the official code's order so that floats agree bit by bit.

    A term without a value adds nothing. (`sum` would round differently from Python 3.12 on.)
    """
    total = 0.0
    for name, term in REWARD_TERMS.items():
        total += term.weights[scheme] * (values.get(name) or 0.0)
    return total


def scheme_of_source(source: str | None) -> ScoringScheme | None:
    """The scheme of a data source that the method knows; None for any other."""
    if source is None:
        return None
    if source in _VISUAL_SOURCES:
        return ScoringScheme.VISUAL
    if source in _MATH_SOURCES or source.startswith(_MATH_PREFIX):
        return ScoringScheme.MATH
    return None


def scheme_of_unknown_source(has_tool: bool, prompt: str) -> ScoringScheme:
    r"""The scheme where the source says nothing: math without a tool if `\boxed` is asked for.

    The math scheme gives 0 to every answer without a `\boxed{}`, so it is right only where the
    prompt asks for one; everything else is read from `<answer>`.
    """
    if not has_tool and _BOXED_COMMAND in prompt:
        return ScoringScheme.MATH
    return ScoringScheme.VISUAL


@reward_term("accuracy", visual=0.8, math=1.2, needs_verdict=True)
def accuracy(sample: JudgedSample) -> float | None:
    """1 right, 0 wrong, None where nothing could judge the answer."""
    return sample.accuracy


@reward_term("format", visual=0.2, math=0.4)
def format_score(sample: JudgedSample) -> float:
    """0, or -1 where a format check fired: it costs the same whether the judge speaks or not."""
    return -1.0 if sample.extraction.errors else 0.0


@reward_term("tool", visual=1.2, math=0.0, needs_verdict=True)
def tool(sample: JudgedSample) -> float:
    """1 if the answer is right and at least one crop was returned, else 0."""
    return 1.0 if sample.accuracy == 1.0 and sample.extraction.crops > 0 else 0.0

"""Formulas: math-verify, behind limits that no answer can get around.

math-verify reads as much of a text as it can and is content ("120+" is 120, "listen" a product of
six symbols). Here a text is a formula only if every sign of it is one that the parser knows, and
the parser must read it to its end. It runs in a process of its own that is killed when it takes too
long; training neither hangs nor grows.
"""

from __future__ import annotations

import re
from functools import lru_cache

from swift_deepeyes.judge.rules.lexicon import FUNCTION_NAMES, GREEK
from swift_deepeyes.judge.rules.math_process import MathProcess, MathRule
from swift_deepeyes.judge.rules.text import MATH_FENCE, clean
from swift_deepeyes.judge.rules.units import Unit, read_unit

MAX_FORMULA = 300  # characters; references of the data are shorter than 100
MAX_BRACKETS = 30  # the parser's time doubles with some of them
TIMEOUT_SECONDS = 5.0  # of the worker's own time; usual: milliseconds
OFFICIAL_TIMEOUT_SECONDS = 15.0  # math-verify's own: five for each text, five to compare
# Operators whose evaluation an answer should not ask us to do; allowed if the reference has them.
COSTLY = re.compile(
    r"\\(?:sum|prod|int|lim|binom|prime|Gamma)|\d{4,}\s*!|[)}\]!]\s*!|\*\*|\\underbrace|\\overset"
)
TOWER = re.compile(r"\^\s*(?:\{[^{}]*|[A-Za-z0-9]+\s*)\^|\^\s*\{?\s*-?\d{4,}|\d{50,}")
SIGNS = {
    "√": r"\sqrt", "\u00d7": r"\times ", "÷": r"\div ", "·": r"\cdot ", "≤": r"\le ", "≥": r"\ge ",
    "≠": r"\ne ", "±": r"\pm ", "∞": r"\infty ", "∈": r"\in ", "\u222a": r"\cup ", "∩": r"\cap ",
    "△": r"\triangle ", "∠": r"\angle ", "°": r"^\circ ",
}  # fmt: skip
ROOT = re.compile(r"\\sqrt\s*(?:\(([^()]*)\)|(\d+(?:\.\d+)?|[A-Za-z]))")
LISTING = re.compile(r"\s*(?:,?\s*\b(?:and|or)\b|;)\s*")
# "16 - 4\pi \text{ cm}^2": an expression with its unit.
TRAILING_UNIT = re.compile(
    r"\s*\b(?:(?P<dimension>square|cubic) )?units?[\s$.]*$|"
    r"(?:\\(?:text|mathrm|mbox)\s*\{\s*([^{}]{1,20}?)\s*\}|(?<=\d)\s*([A-Za-z]{2,12}))"
    r"(\^\{?[23]\}?)?[\s$.]*$"
)
FUNCTION = re.compile(rf"(?<![\\A-Za-z])({'|'.join(FUNCTION_NAMES)})(?![A-Za-z])")
COMMAND = re.compile(r"\\[A-Za-z]+")
ALPHABET = re.compile(r"[A-Za-z0-9\s+\-*/^_=<>()\[\]{}|,.;!%\\&]*")
# "2 3" is no product, "120." and "5+" are no formulas, "a<b<c" is.
BROKEN = re.compile(r"^\\(?:[lgn]e|[lg]t)\b|\d\s+\.?\d|\.\.|\.(?!\d)|[-+*/^_=<>]\s*$|^\s*[*/^_=<>]")
# "2 < x \le 5", the interval (2, 5].
BOUNDS = re.compile(r"([^<>=]+?)\s*(<|\\le(?![a-z])q?)\s*[a-z]\s*(<|\\le(?![a-z])q?)\s*([^<>=]+)")
# "x =", "\angle ABC =", "f(x) =", "\det A =": a name for what follows.
NAME = re.compile(
    r"^\s*(?:\\(?:angle|triangle|det)\s*)?[A-Za-z]{1,4}(?:_\{?\w\}?)?(?:\([a-z,]+\))?\s*="
)

_process = MathProcess()


class _UndecidedError(Exception):
    """Raised so that no cache keeps it: the next try may have more time."""


def compare(reference: str, answer: str) -> bool | None:
    """Whether two formulas are equal; None where one of them is none, or too costly to compare.

    May wait a multiple of `TIMEOUT_SECONDS` (and a second or two for the first call of a process).
    """
    (reference, unit), (answer, answer_unit) = _split_unit(reference), _split_unit(answer)
    gold, said = _as_interval(read_formula(reference)), _as_interval(read_formula(answer))
    if gold is None or said is None or _differ_in_sign(gold, said):
        return None
    if unit and answer_unit and unit != answer_unit:
        return False
    gold, said = _without_name(gold, said), _without_name(said, gold)
    if TOWER.search(said):
        return False
    if COSTLY.search(said) and not COSTLY.search(gold):
        return None
    if sum(said.count(bracket) for bracket in "([{") > MAX_BRACKETS:
        return None
    try:
        return _equal(gold, said)
    except _UndecidedError:
        return None


def equal(reference: str, answer: str) -> bool:
    """Whether two formulas are known to be equal."""
    return compare(reference, answer) is True


def equal_officially(reference: str, answer: str) -> bool:
    """The official code's `rule_math_verify`; False too where it takes too long: ask the judge."""
    try:
        return _equal(reference, answer, MathRule.OFFICIAL, OFFICIAL_TIMEOUT_SECONDS)
    except _UndecidedError:
        return False


@lru_cache(maxsize=16384)
def _equal(
    reference: str,
    answer: str,
    rule: MathRule = MathRule.WHOLE,
    seconds: float = TIMEOUT_SECONDS,
) -> bool:
    outcome = _process.equal(reference, answer, seconds, rule)
    if outcome is None:
        raise _UndecidedError
    return outcome


def read_formula(text: str) -> str | None:
    """The text as LaTeX that the parser can read to the end; None if it is not a formula."""
    text = clean(MATH_FENCE.sub("", text))
    for sign, command in (SIGNS | GREEK).items():
        text = text.replace(sign, command)
    text = FUNCTION.sub(r"\\\1 ", LISTING.sub(", ", text))
    text = ROOT.sub(lambda root: rf"\sqrt{{{root[1] or root[2]}}}", text).strip()
    if not text or len(text) > MAX_FORMULA or BROKEN.search(text):
        return None
    if not ALPHABET.fullmatch(text) or not _has_only_symbols(NAME.sub("", text)):
        return None
    return text


def _has_only_symbols(text: str) -> bool:
    """No words: math-verify reads "listen" as a product of six symbols, equal to "silent"."""
    words = re.findall(r"[A-Za-z]{2,}", COMMAND.sub(" ", text))
    return all(word in FUNCTION_NAMES for word in words)


def _as_interval(formula: str | None) -> str | None:
    """Bounds on both sides of one symbol as math-verify compares them."""
    bounds = BOUNDS.fullmatch(formula or "")
    if bounds is None:
        return formula
    ends = "(" if bounds[2] == "<" else "[", ")" if bounds[3] == "<" else "]"
    return f"{ends[0]}{bounds[1]}, {bounds[4]}{ends[1]}"


def _split_unit(text: str) -> tuple[str, Unit | None]:
    """A formula and its unit, where one that we know ends it."""
    match = TRAILING_UNIT.search(text)
    if match is None:
        return text, None
    name = match[2] or match[3]
    power = re.sub(r"[{}]", "", match[4] or "")
    unit = read_unit(name + power) if name else Unit(f"{match['dimension']} unit")
    return (text[: match.start()] if unit else text), unit


def _differ_in_sign(one: str, other: str) -> bool:
    """To math-verify 9 is 9 %, and 60 degrees are 60."""
    return any((sign in one) != (sign in other) for sign in ("%", "\\circ"))


def _without_name(formula: str, other: str) -> str:
    """Without "x =", where the other formula is no equation."""
    is_named = NAME.match(formula) is not None and formula.count("=") == 1
    return NAME.sub("", formula).strip() if is_named and "=" not in other else formula


def is_formula(text: str) -> bool:
    """Whether math-verify may read it: short enough, and without words."""
    return read_formula(_split_unit(text)[0]) is not None

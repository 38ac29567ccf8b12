"""The other end of `MathProcess`: a numbered JSON line in, one with the same number out.

Runs until the pipe closes. The first line out has the number 0 and says that the imports are done.
"""

from __future__ import annotations

import json
import logging
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

MEMORY_LIMIT = 4 * 2**30  # bytes; a formula that needs more is refused by the system
# Relative; what two evaluations of one number may differ by. math-verify rounds to six decimals,
# by which 2^-98 and 2^-99 are equal.
TOLERANCE = 1e-12
DIGITS = 100


class TooSlowError(BaseException):
    """Not an `Exception`: sympy catches those on its way."""


def official(reference: str, answer: str) -> bool:
    """`rule_math_verify` of the official code: bare texts and math-verify's defaults."""
    from math_verify import parse, verify

    return bool(verify(parse(reference), parse(answer)))


def whole(reference: str, answer: str) -> bool | None:
    """Whether two formulas, each read to its last token, are equal; None: one cannot be read."""
    from math_verify import verify

    gold, said = _parse(reference), _parse(answer)
    if gold is None or said is None:
        return None
    same = verify(gold, said, float_rounding=15, numeric_precision=DIGITS, timeout_seconds=None)
    return bool(same) and _same_symbols(gold, said) and _same_number(gold, said)


def _parse(latex: str) -> Any:
    """The sympy object of a whole formula. Upper and lower case are different symbols."""
    from antlr4 import Token
    from latex2sympy2_extended import NormalizationConfig, latex2sympy
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig, _Latex2Sympy
    from latex2sympy2_extended.math_normalization import normalize_latex

    as_written = NormalizationConfig(malformed_operators=True, nits=True, boxed="none")
    latex = normalize_latex(latex, config=as_written)
    try:
        parser = _Latex2Sympy().create_parser(latex)
        parser.math()
        if parser.getCurrentToken().type != Token.EOF:
            return None
        cased = ConversionConfig(lowercase_symbols=False)
        return latex2sympy(latex, is_real=True, normalization_config=None, conversion_config=cased)
    except Exception:  # the parser's way to say that this is no formula
        return None


def _same_symbols(gold: Any, said: Any) -> bool:
    """False where a symbol differs in case alone: to math-verify `R` and `r` are one."""
    names, said_names = ({symbol.name for symbol in x.free_symbols} for x in (gold, said))
    return not {name.casefold() for name in names - said_names} & {
        name.casefold() for name in said_names - names
    }


def _same_number(gold: Any, said: Any) -> bool:
    from sympy import Expr

    if not (isinstance(gold, Expr) and isinstance(said, Expr)):
        return True
    if gold.free_symbols or said.free_symbols:
        return True
    one, other = gold.doit().evalf(DIGITS), said.doit().evalf(DIGITS)
    return one == other or bool(abs(one - other) <= TOLERANCE * max(abs(one), abs(other)))


RULES: dict[str, Callable[[str, str], bool | None]] = {"official": official, "whole": whole}


def decide(request: dict[str, Any]) -> bool | None:
    """The rule's outcome; None where it takes longer than the caller allows, or fails."""
    # The process's own time: a busy machine makes no formula slow.
    signal.setitimer(signal.ITIMER_PROF, request["seconds"])
    try:
        return RULES[request["rule"]](request["reference"], request["answer"])
    except (Exception, TooSlowError):  # whatever sympy does with hostile input
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _too_slow(*_: object) -> None:
    raise TooSlowError


def main() -> None:
    """Answer until our caller's end of the pipe closes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    logging.disable()  # math-verify warns about the timeouts that we keep ourselves
    signal.signal(signal.SIGPROF, _too_slow)
    whole(r"x+\sqrt{12}", r"2\sqrt{3}+x")  # imports
    _reply(0, None)
    for line in sys.stdin:
        request = json.loads(line)
        _reply(request["number"], decide(request))


def _reply(number: int, outcome: bool | None) -> None:
    sys.stdout.write(json.dumps({"number": number, "outcome": outcome}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""The rules in their order: by what an answer is compared, and whether it is the same.

Each rule decides right or wrong, or says that the question is not its kind. Undecided
(`Outcome.UNREADABLE`) is an answer that holds what the reference says and nothing against it, and
more that no rule can read; and a formula that could not be compared.
"""

from __future__ import annotations

import re

from swift_deepeyes.judge.rules import letters, maths, words
from swift_deepeyes.judge.rules.lexicon import HEDGES, NEGATIONS
from swift_deepeyes.judge.rules.numbers import Quantity, find_quantities, read_sequence, spell
from swift_deepeyes.judge.rules.text import boxed_parts, canonical, is_same_text, normalise
from swift_deepeyes.scoring.verdict import JudgeQuestion, Outcome, QuestionKind

QUOTED = re.compile(r'["\u201c]([^"\u201c\u201d]+)["\u201d]')
# "more than 72", "up to 5", "7 \\neq 7", "x < 3": the number is a bound, not the answer.
COMPARED = re.compile(
    r"\b(?:more|less|greater|fewer|larger|smaller|higher|lower|other)\s+than\s+\S*\d"
    r"|\b(?:over|under|above|below|before|after|since|until|up to|at least|at most)\s+"
    r"(?:\w+ )?\S*\d"
    r"|[<>\u2260\u2264\u2265\u2248\u00b1]|\\(?:ne|le|ge|lt|gt|approx|sim|pm)|\d\s*\+\s*$"
)
# "|-2.5|", "x = 5", "2 \times 10", "7 - a": a formula, not a number in a sentence.
CALCULATED = re.compile(r"[|=+*_^{}\[\]\\!√]|(?<=[\w)])\s*[-/]\s*[a-z(]\b")
SENTENCE = re.compile(r"[A-Za-z',\s]*\b(?:is|are|equals?)\b\s*:?\s*")
SHARE = re.compile(r"%|percent|share|proportion|fraction|probability|rate", re.IGNORECASE)
MAX_ANSWER = 1000  # characters; the method's own limit: an answer of 1,000 or more is wrong


def decide(question: JudgeQuestion) -> Outcome:
    """Right if one of the references is met, wrong if none is, else undecided (unreadable).

    Total: never raises for any text. May wait seconds for the math worker.
    """
    answer = final_answer(question)
    if answer is None:
        return Outcome.WRONG
    outcomes = {
        _decide(question, reference, answer)
        for reference in (question.reference, *question.alternatives)
    }
    for outcome in (Outcome.RIGHT, Outcome.UNREADABLE):
        if outcome in outcomes:
            return outcome
    return Outcome.WRONG


def final_answer(question: JudgeQuestion) -> str | None:
    r"""What is compared: the answer, or what it boxed. None: empty, over-long, or two answers."""
    answer = question.answer
    if len(answer) >= MAX_ANSWER or not normalise(answer):
        return None
    boxed = {canonical(part): part for part in boxed_parts(answer)}
    if not boxed:
        return answer
    return next(iter(boxed.values())) if len(boxed) == 1 else None


def _decide(question: JudgeQuestion, reference: str, answer: str) -> Outcome:
    reference = next(iter(boxed_parts(reference)[-1:]), reference)
    if is_same_text(answer, reference):
        return Outcome.RIGHT
    for rule in (_by_option, _by_polarity, _by_number, _by_formula, _by_quotation):
        outcome = rule(question, reference, answer)
        if outcome is not None:
            return outcome
    if re.search(r"\d", spell(reference)) and _is_bound(answer) and not _is_bound(reference):
        return Outcome.WRONG
    return words.compare(question.question, reference, answer)


def _by_option(question: JudgeQuestion, reference: str, answer: str) -> Outcome | None:
    """By letters, where the reference is one or is an option's text."""
    options = letters.read_options(question.question)
    bare = letters.bare_letter(reference)
    wanted = bare or letters.chosen_letter(reference, options)
    if wanted is None or (bare is None and not options):
        return None
    chosen = letters.chosen_letter(answer, options)
    if chosen is not None:
        return Outcome.RIGHT if chosen == wanted else Outcome.WRONG
    own = options.get(wanted)
    if own is None or letters.mentioned_letters(answer):
        return Outcome.WRONG
    without_options = question.model_copy(update={"question": _stem(question.question)})
    return _decide(without_options, own, answer)


def _stem(question: str) -> str:
    """The question without its options, whose words would otherwise count as given."""
    marks = letters.OPTION.search(question)
    return question[: marks.start()] if marks else question


def _by_polarity(question: JudgeQuestion, reference: str, answer: str) -> Outcome | None:
    wanted = words.wanted_polarity(question.question, reference, answer)
    if wanted is None:
        return None
    return words.compare_polarity(question.question, reference, answer, wanted)


def _by_number(question: JudgeQuestion, reference: str, answer: str) -> Outcome | None:
    """Numbers in their order and with their units, where the reference is nothing else."""
    wanted = read_sequence(reference)
    if wanted is None:
        return None
    if ":" in reference:
        answer = answer.replace("/", ":")
    found, rest = find_quantities(answer)
    is_whole = read_sequence(answer) is not None
    if not is_whole:
        is_math = question.kind is QuestionKind.MATH and maths.is_formula(answer)
        if is_math or CALCULATED.search(canonical(answer)):
            return None
        if _is_open(rest) or _is_bound(answer):
            return Outcome.WRONG
    if question.kind is QuestionKind.MATH and len(wanted) > 1 and _same_set(found, wanted):
        return None  # whether it has an order is for the formulas' rule
    same = len(found) == len(wanted) and all(map(lambda a, b: a.same_as(b), found, wanted))
    if not same:
        return Outcome.WRONG
    has_percent = any(q.unit == "%" for q in found) > any(q.unit == "%" for q in wanted)
    if has_percent and not SHARE.search(question.question) and wanted[0].value == found[0].value:
        return Outcome.UNREADABLE
    known = is_whole or words.adds_only(rest, f"{question.question} {reference}")
    return Outcome.RIGHT if known else Outcome.UNREADABLE


def _by_formula(question: JudgeQuestion, reference: str, answer: str) -> Outcome | None:
    """By math-verify, where the reference has no words, or nothing but a formula."""
    if question.kind is not QuestionKind.MATH:
        return None
    opening = SENTENCE.match(answer)
    if opening and not _is_open(opening[0]):
        answer = answer[opening.end() :]
    if maths.is_formula(reference):
        same = maths.compare(reference, answer)
        if same is not None:
            return Outcome.RIGHT if same else Outcome.WRONG
    elif words.WORD.search(reference):
        return None
    elif is_same_text(reference, answer):
        return Outcome.RIGHT
    return Outcome.WRONG if words.WORD.search(answer) else Outcome.UNREADABLE


def _by_quotation(question: JudgeQuestion, reference: str, answer: str) -> Outcome | None:
    """'The sign says "No parking".': its words in their order, behind nothing that adds to them."""
    quoted = QUOTED.findall(reference)
    if len(quoted) != 1:
        return None
    text = normalise(quoted[0])
    if text in map(normalise, QUOTED.findall(answer)):
        return Outcome.RIGHT
    said = normalise(answer).replace("'", "").replace('"', "")
    opening = said.removesuffix(text)
    is_quoted = opening != said and not opening[-1:].isalnum()
    known = f"{question.question} {QUOTED.sub(' ', reference)}"
    same = not opening or (is_quoted and words.adds_only(opening, known))
    return Outcome.RIGHT if same else Outcome.WRONG


def _same_set(found: list[Quantity], wanted: list[Quantity]) -> bool:
    values = [sorted(quantity.value for quantity in sequence) for sequence in (found, wanted)]
    return values[0] == values[1]


def _is_bound(text: str) -> bool:
    return COMPARED.search(spell(text).casefold()) is not None


def _is_open(text: str) -> bool:
    return bool(set(words.tokens(text)) & (NEGATIONS | HEDGES))

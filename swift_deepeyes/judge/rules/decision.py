"""The rules in their order: by what an answer is compared, and whether it is the same.

Each rule decides right or wrong, or says that the question is not its kind. Undecided
(`Outcome.UNREADABLE`) is an answer that holds what the reference says and nothing against it, and
more that no rule can read; and a formula that could not be compared.
"""

from __future__ import annotations

import re
from fractions import Fraction

from swift_deepeyes.judge.rules import letters, maths, polarity, words
from swift_deepeyes.judge.rules.claims import affirm, conclude
from swift_deepeyes.judge.rules.expected import Expected, clauses, tokens
from swift_deepeyes.judge.rules.lexicon import FUNCTION, MILD_HEDGE, NEGATIONS
from swift_deepeyes.judge.rules.moments import read_moment
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
RESULT = re.compile(r"^[^<>=]*\d\s*=\s*(?=[^=]+$)")  # "4 + 3 = 7"
SENTENCE = re.compile(r"[A-Za-z',\s]*\b(?:is|are|equals?)\b\s*:?\s*")
SHARE = re.compile(r"%|percent|share|proportion|fraction|probability|rate", re.IGNORECASE)
WRITTEN = re.compile(r"\b(?:say|read|writ\w+|text|title|word|name|label|print\w*)s?\b", re.I)
CODE = re.compile(r"(?=.*\d)(?=.*[A-Z])[A-Z0-9]+(?:[ .-][A-Z0-9]+)*")
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
    claim = conclude(answer)
    if not NEGATIONS & set(tokens(reference)):
        claim = affirm(claim)
    sure = MILD_HEDGE.sub(" ", claim) if not MILD_HEDGE.search(reference) else claim
    outcome = _by_rules(question, reference, sure)
    return Outcome.UNREADABLE if sure != claim and outcome is Outcome.RIGHT else outcome


def _by_rules(question: JudgeQuestion, reference: str, claim: str) -> Outcome:
    claim = _with_separators_of(reference, claim)
    if is_same_text(claim, reference):
        return Outcome.RIGHT
    for rule in (_by_option, _by_polarity, _by_moment, _by_number, _by_formula):
        outcome = rule(question, reference, claim)
        if outcome is not None:
            return outcome
    if re.search(r"\d", spell(reference)) and _is_bound(claim) and not _is_bound(reference):
        return Outcome.WRONG
    return _by_words(question, reference, claim)


def _by_words(question: JudgeQuestion, reference: str, claim: str) -> Outcome:
    """By what is quoted, where something is; else by all words."""
    quoted, said = QUOTED.findall(reference), QUOTED.findall(claim)
    if len(said) == 1 and (quoted or WRITTEN.search(question.question)):
        around = tokens(QUOTED.sub(" ", claim))
        if not _is_open(" ".join(around)):
            claim = said[0]
            if not set(tokens(claim)) <= set(tokens(reference)):
                return Outcome.WRONG
    outcome = words.compare(question.question, reference, claim)
    if WRITTEN.search(question.question) and not words.SAYING.search(claim):
        known = words.ARTICLES | set(tokens(f"{question.question} {reference}"))
        if outcome is Outcome.RIGHT and set(tokens(claim)) - known:
            return Outcome.UNREADABLE
    if len(quoted) == 1 and outcome is Outcome.RIGHT:
        text, said_text = (normalise(re.sub("['\"]", "", part)) for part in (quoted[0], claim))
        if text not in said_text:
            return Outcome.WRONG
        return Outcome.RIGHT if said_text.endswith(text) else Outcome.UNREADABLE
    return outcome


def _by_option(question: JudgeQuestion, reference: str, claim: str) -> Outcome | None:
    """By letters, where the reference is one or is an option's text."""
    options = letters.read_options(question.question)
    bare = letters.bare_letter(reference)
    wanted = bare or letters.chosen_letter(reference, options)
    if wanted is None or (bare is None and not options):
        return None
    chosen = letters.chosen_letter(claim, options)
    if chosen is not None:
        return Outcome.RIGHT if chosen == wanted else Outcome.WRONG
    own = options.get(wanted)
    others = letters.option_words(claim, options) - set(tokens(own or ""))
    if own is None or others or letters.mentioned_letters(claim):
        return Outcome.WRONG
    before = question.question[: letters.OPTION.search(question.question).start()]  # type: ignore[union-attr]
    return _by_rules(question.model_copy(update={"question": before}), own, claim)


def _by_polarity(question: JudgeQuestion, reference: str, claim: str) -> Outcome | None:
    return polarity.compare(question.question, reference, claim)


def _by_moment(question: JudgeQuestion, reference: str, claim: str) -> Outcome | None:
    wanted = read_moment(reference)
    if question.kind is QuestionKind.MATH or wanted is None:
        return None
    parts = clauses(claim)
    moments = [read_moment(part) for part in parts]
    at = next((i for i, moment in enumerate(moments) if moment), None)
    said = moments[at] if at is not None else None
    if at is None or said is None:
        return None
    if wanted[0] != said[0]:
        return Outcome.WRONG
    expected = Expected.of(question.question, reference)
    if _is_open(said[1]) or _is_bound(parts[at]):
        return Outcome.WRONG
    is_known = not expected.extra(tokens(said[1]))
    outcome = Outcome.RIGHT if is_known else Outcome.UNREADABLE
    return words.worst((outcome, *words.around(expected, parts, at)))


def _by_number(question: JudgeQuestion, reference: str, claim: str) -> Outcome | None:
    """Numbers in their order and with their units, where the reference is nothing else."""
    wanted = read_sequence(reference)
    if wanted is None:
        return None
    claim = _with_sign_of(reference, RESULT.sub("", claim))
    found = read_sequence(claim)
    if question.kind is QuestionKind.MATH and len(wanted) > 1 and ":" not in reference:
        values = [sorted(q.value for q in quantities) for quantities in (wanted, found or [])]
        if values[0] == values[1]:
            return None  # whether it has an order, and closed ends, is for the formulas' rule
    if found is not None:
        return _compare_numbers(question, reference, wanted, found)
    if question.kind is QuestionKind.MATH and maths.is_formula(claim):
        return None
    if CALCULATED.search(canonical(claim)):
        return None
    if _is_open(claim) or _is_bound(claim):
        is_none = wanted == [Quantity(Fraction(0))] and _says_none(question.question, claim)
        return Outcome.RIGHT if is_none else Outcome.WRONG
    return _by_number_in(question, reference, wanted, claim)


def _by_number_in(
    question: JudgeQuestion, reference: str, wanted: list[Quantity], claim: str
) -> Outcome:
    """By the first clause that has numbers."""
    expected = Expected.of(question.question, reference)
    parts = clauses(claim)
    at = next((i for i, part in enumerate(parts) if find_quantities(part)[0]), None)
    if at is None:
        return Outcome.WRONG
    found, rest = find_quantities(parts[at])
    opening = tokens(re.split(r"\d", spell(parts[at]), maxsplit=1)[0])
    is_count = question.question.lower().startswith("how many")  # "layer 3" counts no layers
    is_label = is_count and set(opening[-1:]) - FUNCTION
    is_known = words.is_aside(parts[at], expected.extra(tokens(rest)))
    if words.UNUSUAL.search(rest) or is_label:
        is_known = False
    return words.worst(
        (
            _compare_numbers(question, reference, wanted, found),
            Outcome.RIGHT if is_known else Outcome.UNREADABLE,
            *words.around(expected, parts, at),
        )
    )


def _compare_numbers(
    question: JudgeQuestion, reference: str, wanted: list[Quantity], found: list[Quantity]
) -> Outcome:
    same = len(found) == len(wanted) and all(map(Quantity.same_as, found, wanted))
    if not same:
        return Outcome.WRONG
    has_percent = any(q.unit == "%" for q in found) > any(q.unit == "%" for q in wanted)
    if has_percent and not SHARE.search(question.question) and wanted[0].value == found[0].value:
        return Outcome.UNREADABLE
    return Outcome.RIGHT


def _with_sign_of(reference: str, claim: str) -> str:
    """3/4 for 3:4, 3:4 for 3/4, and pounds for £."""
    if ":" in reference:
        return spell(claim).replace("/", ":")
    if "£" in reference:
        return re.sub(r"\bpounds?\b(?: sterling)?", "£", claim)
    return re.sub(r"(?<=\d):(?=\d)", "/", claim) if "/" in spell(reference) else claim


def _says_none(question: str, claim: str) -> bool:
    """None, no cars, nobody is there."""
    said = tokens(claim)
    nothing = [word for word in said if word in NEGATIONS]
    is_about_it = not Expected.of(question, "0").extra(said)
    return (
        len(nothing) == 1 and nothing != ["not"] and is_about_it and not find_quantities(claim)[0]
    )


def _by_formula(question: JudgeQuestion, reference: str, claim: str) -> Outcome | None:
    """By math-verify, where the reference has no words, or nothing but a formula."""
    if question.kind is not QuestionKind.MATH:
        return None
    opening = SENTENCE.match(claim)
    if opening and not _is_open(opening[0]):
        claim = claim[opening.end() :]
    if maths.is_formula(reference):
        same = maths.compare(reference, claim)
        if same is not None:
            return Outcome.RIGHT if same else Outcome.WRONG
    elif words.WORD.search(reference):
        return None
    elif is_same_text(reference, claim):
        return Outcome.RIGHT
    return Outcome.WRONG if words.WORD.search(claim) else Outcome.UNREADABLE


def _with_separators_of(reference: str, claim: str) -> str:
    """Codes and plates with other separators: `ABC 1234` for `ABC-1234`."""
    if not CODE.fullmatch(reference) or read_sequence(reference):
        return claim
    parts = map(re.escape, re.split(r"[ .-]", reference))
    return re.sub(rf"(?<![\w-]){'[ .-]?'.join(parts)}(?![\w-])", reference, claim, flags=re.I)


def _is_bound(text: str) -> bool:
    return COMPARED.search(spell(text).casefold()) is not None


def _is_open(text: str) -> bool:
    said = tokens(text)
    return words.hedged(said, []) or bool(set(said) & NEGATIONS)

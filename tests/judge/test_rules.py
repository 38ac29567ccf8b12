"""The rule judge: the labelled cases as a whole, and the cases that forced each rule."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swift_deepeyes.judge.check import KNOWN_CASES, check_known_cases, load_cases, run_cases
from swift_deepeyes.judge.judge import RuleJudge
from swift_deepeyes.judge.policy import STRICT
from swift_deepeyes.judge.rules import decide, maths
from swift_deepeyes.judge.rules.letters import chosen_letter, read_options
from swift_deepeyes.judge.rules.math_process import CLOCK_FACTOR, GRACE_SECONDS, MathProcess
from swift_deepeyes.judge.rules.numbers import Quantity, read_quantity
from swift_deepeyes.judge.rules.text import boxed_parts, normalise
from swift_deepeyes.scoring.verdict import JudgeQuestion, Outcome, QuestionKind
from tests.judge.judging import ask

MATH = QuestionKind.MATH


def test_the_labelled_cases_are_many_and_of_all_sources() -> None:
    cases = load_cases()
    assert len(cases) >= 200
    assert len({case.id for case in cases}) == len(cases)
    assert len({case.as_question for case in cases}) == len(cases)
    per_source = Counter((case.data_source, case.right) for case in cases)
    for source in ("vstar", "chart", "thinklite"):
        assert per_source[source, True] >= 35 and per_source[source, False] >= 35
    tags = Counter(case.tag for case in cases)
    for tag in ("paraphrase", "negation", "near_miss", "hedge", "hack", "injection", "letter"):
        assert tags[tag] >= 3


def test_the_rule_judge_on_the_labelled_cases() -> None:
    report = asyncio.run(run_cases(RuleJudge()))
    assert report.accuracy >= 0.94, report.table()
    false_positives = [
        case.id
        for case, verdict in report.mistakes
        if not case.right and verdict.outcome is Outcome.RIGHT
    ]
    assert false_positives == []
    assert "accuracy" in report.table()


def test_a_shortcut_never_contradicts_a_label() -> None:
    settled = [(case, STRICT.shortcut(case.as_question)) for case in load_cases()]
    wrong = [
        case.id
        for case, outcome in settled
        if outcome is not None and case.right is not (outcome is Outcome.RIGHT)
    ]
    assert wrong == []
    assert sum(outcome is not None for _, outcome in settled) > 20  # and it does save calls


def test_the_known_cases() -> None:
    assert asyncio.run(check_known_cases(RuleJudge())) == []
    assert {outcome for _, outcome in KNOWN_CASES} == {Outcome.RIGHT, Outcome.WRONG}


@given(st.sampled_from(load_cases()), st.text(max_size=120))
@settings(max_examples=150, deadline=None)
def test_any_text_gets_an_outcome(case: object, answer: str) -> None:
    question = case.as_question.model_copy(update={"answer": answer})
    open_question = question.model_copy(update={"kind": QuestionKind.OPEN})
    assert decide(open_question) in Outcome


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("12", 12, None),
        ("1,200 m", 1200, "m"),
        ("-3.5", Fraction(-7, 2), None),
        ("\u22122", -2, None),
        (r"\frac{3}{4}", Fraction(3, 4), None),
        (r"$\dfrac{3}{4}$", Fraction(3, 4), None),
        ("2 1/4", Fraction(9, 4), None),
        (r"2\frac{1}{4}", Fraction(9, 4), None),
        ("twenty-one", 21, None),
        ("twenty one", 21, None),
        (r"72^\circ", 72, "deg"),
        (r"30\%", 30, "%"),
        ("$3.50", Fraction(7, 2), "$"),
        ("$3.5 million", 3_500_000, "$"),
        ("6e23", 6 * 10**23, None),
        (r"6 \times 10^{23}", 6 * 10**23, None),
        ("5 km/h", 5, "km/h"),
        ("12 cm\u00b2", 12, "cm^2"),
    ],
)
def test_quantities(text: str, value: Fraction, unit: str | None) -> None:
    assert read_quantity(text) == Quantity(Fraction(value), unit)


@pytest.mark.parametrize("text", ["", "red", "2-3", "1/0", "b12", "3.4.5", "12 apples", "1" * 60])
def test_no_quantities(text: str) -> None:
    assert read_quantity(text) is None


def test_options_and_letters() -> None:
    question = "Which one?\n(A) a red car\n(B) a blue car\n(C) none"
    options = read_options(question)
    assert options == {"A": "a red car", "B": "a blue car", "C": "none"}
    assert chosen_letter("B", options) == "B"
    assert chosen_letter("The answer is (B).", options) == "B"
    assert chosen_letter("B. a blue car", options) == "B"
    assert chosen_letter("B. a red car", options) is None
    assert chosen_letter("a blue car", options) == "B"
    assert chosen_letter("A or B", options) is None
    assert chosen_letter("A car.", options) is None
    assert read_options("What is in box A. or B?") == {}


def test_wrappers_and_typography() -> None:
    assert normalise("**The answer is: Red.**") == "red"
    assert normalise("<answer> red </answer>") == "red"
    assert normalise("\\text{Red}") == "red"
    assert normalise("r\u200bed") == "red"
    assert boxed_parts(r"so \boxed{\frac{1}{2}} or \boxed{3} or \boxed{4") == [
        r"\frac{1}{2}",
        "3",
    ]


@pytest.mark.parametrize(
    ("reference", "answer", "same"),
    [
        (r"2\sqrt{3}", r"\sqrt{12}", True),
        ("x^2+2x+1", "(x+1)^2", True),
        (r"\{1,2\}", r"\{2,1\}", True),
        ("(2,5)", "[2,5]", False),
        ("(2,5]", r"2 < x \le 5", True),
        ("(2,5)", r"2 < x \le 5", False),
        (r"9\pi", "9π square units", True),
        (r"9\pi \text{ cubic units}", "9π square units", False),
        (r"16-4\pi", r"16 - 4\pi \text{ cm}^2", True),
        ("(2,5)", "(5,2)", False),
        ("listen", "silent", False),
        ("ABC", "CBA", False),
        ("5", "5!", False),
        ("5", r"\sum_{i=1}^{5} 1", False),
        ("", "", False),
    ],
)
def test_formulas(reference: str, answer: str, same: bool) -> None:
    assert maths.equal(reference, answer) is same


@pytest.mark.parametrize(
    "hostile",
    [
        "9^{9^{9^{9}}}",
        "9**9**9**9",
        r"\sum_{i=1}^{10^{12}} i",
        r"\prod_{n=1}^{\infty} n",
        "99999999!",
        "((((" * 60,
        r"\frac{" * 40,
        "x^{100000}",
        "(x+1)^{9999}(y+1)^{9999}",
        "1" * 5000,
        "." * 60_000 + "x",
    ],
)
def test_hostile_formulas_cost_little(hostile: str) -> None:
    kills = len(maths._process._kills)
    assert maths.compare("x + 1", hostile) is not True
    assert len(maths._process._kills) == kills  # refused or quick, not slow
    assert maths.equal("x + 1", "1 + x") is True


def test_a_comparison_that_hangs_is_ended_and_the_next_one_works() -> None:
    process = MathProcess()
    assert process.equal("1", "1", 5.0) is True
    first = process._child
    assert first is not None
    started = time.monotonic()
    assert process.equal("1", "9^{9^{9^{9}}}", 0.3) is None
    assert time.monotonic() - started < CLOCK_FACTOR * 0.3 + 2 * GRACE_SECONDS
    assert process.equal("1", "1", 5.0) is True


def test_a_worker_that_dies_is_replaced() -> None:
    process = MathProcess()
    assert process.equal("1", "1", 5.0) is True
    assert process._child is not None
    process._child.kill()
    process._child.wait()
    assert process.equal("1", "1", 5.0) is True


def test_two_boxed_answers_are_a_hedge() -> None:
    assert decide(ask(r"\boxed{1} or \boxed{2}", reference="1", kind=MATH)) is Outcome.WRONG
    assert decide(ask(r"\boxed{1}, that is \boxed{1}", reference="1", kind=MATH)) is Outcome.RIGHT


@pytest.mark.parametrize(
    "answer",
    ["not red", "red or blue", "red, blue", "It might be red", "dark red", "Blue, not red"],
)
def test_never_right_beside_the_truth(answer: str) -> None:
    question = JudgeQuestion(
        kind=QuestionKind.OPEN,
        question="What is the colour of the umbrella?",
        reference="The umbrella is red.",
        answer=answer,
    )
    assert decide(question) is Outcome.WRONG


def test_a_reference_among_several() -> None:
    def of(answer: str, *references: str) -> Outcome:
        return decide(
            JudgeQuestion(
                kind=QuestionKind.OPEN,
                question="What is the colour of the umbrella?",
                reference=references[0],
                answer=answer,
                alternatives=references[1:],
            )
        )

    assert of("It is maroon.", "red", "maroon") is Outcome.RIGHT
    assert of("blue", "red", "maroon") is Outcome.WRONG
    assert of("a maroon umbrella stand", "red", "maroon") is Outcome.UNREADABLE

"""What overrules a real judge: only what is beyond doubt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swift_deepeyes.judge.policy import settle
from swift_deepeyes.scoring.verdict import JudgeQuestion, Outcome, QuestionKind
from tests.judge.judging import ask

OPEN, MATH = QuestionKind.OPEN, QuestionKind.MATH
RIGHT, WRONG = Outcome.RIGHT, Outcome.WRONG
UNSEEN = Path(__file__).with_name("unseen_answers.jsonl")


@pytest.mark.parametrize("kind", list(QuestionKind))
@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        (r"\pi R^2", r"\pi r^2"),
        ("102", "10²"),
        (r"\Delta", r"\delta"),
        ("f", "f'"),
        ("f'", "f''"),
        ("f", "F"),
        ("5 mW", "5 MW"),
        ("5mW", "5MW"),
        ("mHz", "MHz"),
        ("3月5日", "3月6日"),
        ("5千克", "5克"),
        ("5 метров", "5 км"),
        ("5 метров", "5 литров"),
        ("5人", "5匹"),
        ("٣ أمتار", "٣ كيلومترات"),
        ("120", "120!"),
        ("120", "120π"),
        ("120", "√120"),
        ("120", "120+"),
        ("120", "120:1"),
        ("120", "120%"),
        ("120", "120°"),
        ("120", "¬120"),
        ("120", "12 0"),
        ("120", "120 or so"),
        (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}"),
        ("x^2", "x2"),
        ("Ab", "aB"),
        ("a+b", "A+B"),
        ("H₂O", "H²O"),
        ("Σ", "σ"),  # noqa: RUF001
        ("red", "dark red"),
    ],
)
def test_never_settled_as_right(reference: str, answer: str, kind: QuestionKind) -> None:
    question = ask(answer, reference=reference, kind=kind, question="What is it?")
    assert settle(question) is not RIGHT
    assert settle(ask(reference, reference=answer, kind=kind, question="What is it?")) is not RIGHT


@pytest.mark.parametrize(
    ("kind", "reference", "answer", "outcome"),
    [
        (OPEN, "The umbrella is red.", "  the umbrella\nis RED ", RIGHT),
        (OPEN, "Toyota", "TOYOTA", RIGHT),
        (OPEN, "红色", "红色\u3002", RIGHT),
        (OPEN, "5 mW", "**5 mW**", RIGHT),
        (OPEN, "B", "(B)", RIGHT),
        (OPEN, "B", "C", WRONG),
        (MATH, "8", "2³", RIGHT),
        (MATH, "8", "2^3", RIGHT),
        (MATH, "100", "10²", RIGHT),
        (MATH, r"\pi R^2", "πR²", RIGHT),
        (MATH, r"2\sqrt{3}", r"\sqrt{12}", RIGHT),
        (MATH, r"\frac{1}{2^{99}}", "2^{-99}", RIGHT),
        (MATH, "12", "13", WRONG),
        (MATH, "Friday", "friday", RIGHT),
        (MATH, "5千克", "5千克", RIGHT),
        (MATH, "120", "121", WRONG),
        (MATH, "b", "B", None),  # a variable, perhaps
        (OPEN, "red", "crimson", None),
    ],
)
def test_what_is_settled(
    kind: QuestionKind, reference: str, answer: str, outcome: Outcome | None
) -> None:
    assert settle(ask(answer, reference=reference, kind=kind)) is outcome


def test_several_references() -> None:
    def of(answer: str, *references: str, kind: QuestionKind = MATH) -> Outcome | None:
        return settle(
            JudgeQuestion(
                kind=kind,
                question="?",
                reference=references[0],
                answer=answer,
                alternatives=references[1:],
            )
        )

    assert of("13", "12", "13") is RIGHT
    assert of("14", "12", "13") is WRONG
    assert of("14", "12", "a few") is None  # one of them is not settled
    assert of("dark red", "red", "dark red", kind=OPEN) is RIGHT


def test_nothing_unseen_is_settled_against_its_label() -> None:
    contradicted = []
    for line in UNSEEN.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        outcome = settle(
            JudgeQuestion(**{key: value for key, value in case.items() if key != "right"})
        )
        if outcome is not None and (outcome is RIGHT) is not case["right"]:
            contradicted.append(case)
    assert contradicted == []

"""References: their kinds, their options, and whether our scoring accepts them."""

from __future__ import annotations

import pytest

from swift_deepeyes.preparation.facts import (
    AnswerKind,
    MathFact,
    is_outside_options,
    is_unmatched,
    kind_of,
    math_facts,
)
from swift_deepeyes.scoring.row import ScoredRow, read_row
from swift_deepeyes.scoring.scheme import ScoringScheme

OPTIONS = "Which one?\nA. red\nB. green\nC. blue"


def math_row(reference: str) -> ScoredRow:
    return read_row(
        {
            "data_source": "thinklite_eureka",
            "reward_model": {"ground_truth": reference},
            "extra_info": {"question": "How much?"},
        }
    )


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("", AnswerKind.NONE),
        ("B", AnswerKind.LETTER),
        ("(c)", AnswerKind.LETTER),
        ("Yes.", AnswerKind.YES_NO),
        ("42", AnswerKind.NUMBER),
        ("1,200 cm", AnswerKind.NUMBER),
        ("\\frac{3}{4}", AnswerKind.NUMBER),
        ("2x+1", AnswerKind.FORMULA),
        ("\\sqrt{2}", AnswerKind.FORMULA),
        ("x = 3", AnswerKind.FORMULA),
        ("Washington, D.C.", AnswerKind.FEW_WORDS),
        ("an orange", AnswerKind.FEW_WORDS),
        ("The colour of the bag is red.", AnswerKind.SENTENCE),
    ],
)
def test_kinds(reference: str, kind: AnswerKind) -> None:
    assert kind_of(reference) is kind


@pytest.mark.parametrize("reference", ["42", "B", "herbivore", "\\{1, 2\\}", "\\frac{3}{4}", "5 %"])
def test_ordinary_references_match_themselves(reference: str) -> None:
    assert not is_unmatched(math_row(reference))


@pytest.mark.parametrize("reference", ["x}{y", "<image>", "a" * 1000, "$"])
def test_references_that_cannot_be_answered_are_found(reference: str) -> None:
    assert is_unmatched(math_row(reference))


def test_visual_rows_and_missing_references_are_not_math() -> None:
    row = math_row("x}{y")
    assert not is_unmatched(math_row(""))
    assert not is_unmatched(row.model_copy(update={"scheme": ScoringScheme.VISUAL}))


@pytest.mark.parametrize(
    ("reference", "facts"),
    [
        ("42", set()),
        ("\\sqrt{2}", {MathFact.CUT_BY_OFFICIAL_REGEX}),
        ("x^2+1", set()),
        ("herbivore", {MathFact.WORDS}),
        ("\\text{an orange}", {MathFact.CUT_BY_OFFICIAL_REGEX, MathFact.WORDS}),
    ],
)
def test_what_math_scoring_can_do(reference: str, facts: set[MathFact]) -> None:
    assert math_facts(reference) == facts


@pytest.mark.parametrize(
    ("question", "reference", "outside"),
    [
        (OPTIONS, "B", False),
        (OPTIONS, "D", True),
        (OPTIONS, "green", False),
        (OPTIONS, "(A) red", False),
        (OPTIONS, "yellow", True),
        ("Which one?", "D", False),
    ],
)
def test_options(question: str, reference: str, outside: bool) -> None:
    assert is_outside_options(question, reference) is outside

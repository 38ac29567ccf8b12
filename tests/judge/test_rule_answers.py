"""The rule judge on labelled answers of many kinds, and on the kinds that were wrong before."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from swift_deepeyes.judge.judge import RuleJudge
from swift_deepeyes.judge.rules import decide
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, QuestionKind
from tests.judge.judging import ask

OPEN, MATH = QuestionKind.OPEN, QuestionKind.MATH
RIGHT, WRONG, UNDECIDED = Outcome.RIGHT, Outcome.WRONG, Outcome.UNREADABLE
ORDINARY = Path(__file__).with_name("ordinary_answers.jsonl")
UNSEEN = Path(__file__).with_name("unseen_answers.jsonl")
OPTIONS = "What is the colour of the cup?\nA. red\nB. blue\nC. green"


def labelled(path: Path) -> list[tuple[JudgeQuestion, bool]]:
    cases = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [(JudgeQuestion(**case), right) for case in cases for right in [case.pop("right")]]


def test_the_unseen_answers() -> None:
    cases = labelled(UNSEEN)
    outcomes = [decide(question) for question, _ in cases]
    false_positives = [
        question
        for (question, right), outcome in zip(cases, outcomes, strict=True)
        if outcome is RIGHT and not right
    ]
    as_labelled = sum(
        outcome is (RIGHT if right else WRONG)
        for (_, right), outcome in zip(cases, outcomes, strict=True)
    )
    assert false_positives == []
    assert as_labelled / len(cases) >= 0.95
    assert len(cases) >= 480


def test_the_ordinary_answers() -> None:
    """Kinds of answers in plain words; `right` is null where a doubt leaves them undecided."""
    cases = [json.loads(line) for line in ORDINARY.read_text(encoding="utf-8").splitlines()]
    expected = {True: RIGHT, False: WRONG, None: UNDECIDED}
    outcomes = []
    for case in cases:
        question = {key: case[key] for key in ("kind", "question", "reference", "answer")}
        outcomes.append((expected[case["right"]], decide(JudgeQuestion(**question)), case))
    assert [case for label, said, case in outcomes if said is RIGHT and label is not RIGHT] == []
    called_wrong = [case for label, said, case in outcomes if label is RIGHT and said is WRONG]
    assert len(called_wrong) <= 2
    assert sum(label is said for label, said, _ in outcomes) / len(cases) >= 0.88
    assert len(cases) >= 600


@pytest.mark.parametrize(
    "answer",
    ["A", "?", "the", "in the image", "red", "the red thing", "thing", "Is the thing red?"],
)
@pytest.mark.parametrize("reference", ["yes", "no", "Yes, the thing is red."])
def test_a_closed_question_needs_a_word_of_polarity(answer: str, reference: str) -> None:
    question = ask(answer, reference=reference, question="Is the thing red?")
    assert decide(question) is not RIGHT
    question = ask(answer, reference=reference, question="Is the thing in the image red?")
    assert decide(question) is not RIGHT


@pytest.mark.parametrize(
    ("reference", "answer", "outcome"),
    [
        ("yes", "Yes, a man is holding a snowboard.", RIGHT),
        ("yes", "yes - next to the lift", RIGHT),
        ("yes", "There is a snowboard.", RIGHT),
        ("yes", "是的", RIGHT),
        ("no", "No, there are only skis.", RIGHT),
        ("no", "There isn't any snowboard.", RIGHT),
        ("no", "没有", RIGHT),
        ("yes", "Yes, but no snowboard.", WRONG),
        ("yes", "It could be yes", WRONG),
        ("no", "No doubt, yes.", WRONG),
        ("no", "Yes.", WRONG),
        ("yes", "There is no snowboard.", WRONG),
        ("no", "I can't tell.", WRONG),
        ("yes", "A dog runs through the snow.", WRONG),
    ],
)
def test_closed_questions(reference: str, answer: str, outcome: Outcome) -> None:
    question = ask(answer, reference=reference, question="Is there a snowboard in the image?")
    assert decide(question) is outcome


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("B is correct", RIGHT),
        ("Option B", RIGHT),
        ("B - blue", RIGHT),
        ('{"answer":"B"}', RIGHT),
        ("答案：B", RIGHT),  # noqa: RUF001
        ("【B】", RIGHT),
        ("B, because it's not green and A is too dark", RIGHT),
        ("A is wrong. The answer is B.", RIGHT),
        ("B<|im_end|>", RIGHT),
        ("B or C", WRONG),
        ("not B", WRONG),
        ("B - green", WRONG),
        ("The answer is B? No, C.", WRONG),
        ("ABC", WRONG),
        ("It might be B", WRONG),
        ("a blue-green cup", WRONG),
        ("The cup that he holds is blue.", RIGHT),
    ],
)
def test_options(answer: str, outcome: Outcome) -> None:
    assert decide(ask(answer, reference="B", question=OPTIONS)) is outcome


@pytest.mark.parametrize(
    ("kind", "question", "reference", "answer", "outcome"),
    [
        (OPEN, "Which range?", "10-20", "20-10", WRONG),
        (OPEN, "Which range?", "10-20", "from 10 to 20", RIGHT),
        (OPEN, "How many cups?", "2", "two dozen", WRONG),
        (OPEN, "How many cups?", "24", "two dozen", RIGHT),
        (OPEN, "What colour is the cup?", "white", "It could be white", WRONG),
        (OPEN, "What does it cost?", "$3.50", "¥3.50", WRONG),
        (OPEN, "What does it cost?", "$3.50", "3.5 dollars", RIGHT),
        (MATH, "What is the area?", "12厘米", "12平方厘米", WRONG),
        (MATH, "How long?", "12厘米", "0.12 m", RIGHT),
        (MATH, "How much?", "5 mW", "5 MW", WRONG),
        (MATH, "How much?", "5 MW", "5000 kW", RIGHT),
        (MATH, "有多少个苹果?", "5个", "5斤", WRONG),
        (MATH, "有多少个苹果?", "5个", "5", RIGHT),
        (OPEN, "How many dogs?", "2", "2 cats", UNDECIDED),
        (OPEN, "How many dogs?", "There are two dogs.", "two cats", WRONG),
        (OPEN, "What colour is the cup?", "red", "红色", UNDECIDED),
        (OPEN, "What colour is the cup?", "red", "crimson", WRONG),
        (
            OPEN,
            "Is the woman on the left or right side of the red backpack?",
            "The red backpack is on the left side of the woman.",
            "The woman is on the left side of the red backpack.",
            WRONG,
        ),
    ],
)
def test_numbers_units_and_relations(
    kind: QuestionKind, question: str, reference: str, answer: str, outcome: Outcome
) -> None:
    assert decide(ask(answer, reference=reference, question=question, kind=kind)) is outcome


def test_what_no_rule_can_read_is_counted_as_that() -> None:
    judge = RuleJudge()
    questions = [ask("red"), ask("blue"), ask("红色"), ask("a red umbrella stand")]
    verdicts = asyncio.run(judge.verdicts(questions))
    assert [verdict.outcome for verdict in verdicts] == [RIGHT, WRONG, UNDECIDED, UNDECIDED]
    assert {verdict.decided_by for verdict in verdicts} == {Decider.RULE}
    assert (judge.stats.questions, judge.stats.by_rule, judge.stats.unreadable) == (4, 2, 2)
    assert judge.totals.as_metrics()["unreadable"] == 2.0

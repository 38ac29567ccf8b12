"""`official` for math, against the public rule written down a second time.

Source: Visual-Agent/DeepEyes, `verl/utils/reward_score/vl_agent.py`, `compute_score_math`: the last
`\\boxed{([^}]+)}` after the last `</think>`, `verify(parse(truth), parse(answer))` with
math-verify's defaults, and the judge where that is false.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product

import pytest
from math_verify import parse, verify

from swift_deepeyes.judge.policy import OFFICIAL
from swift_deepeyes.scoring.row import COMPLETION, read_row
from swift_deepeyes.scoring.score import score_batch
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, QuestionKind, Verdict
from swift_deepeyes.settings import ScoringMode
from tests.judge.judging import ask

REFERENCES = (
    "B", "5", "120", "x+1", "(1,2)", r"\pi", r"$\pi$", r"2\sqrt{3}", r"$2\sqrt{3}$", "3:4", "1/2",
    r"\frac{1}{2}", r"$\frac{1}{2}$", "yes", "red car", "12 cm", "50%",
)  # fmt: skip
ANSWERS = (
    "B", "b", r"\text{B}", "(B)", "5", "5.0", "five", "5 cm", "120", "120!", "x+1", "$x+1$", "1+x",
    "(1,2)", "$(1,2)$", r"\pi", r"$\pi$", r"2\sqrt3", r"$2\sqrt3$", "2", "3:4", "3", "1/2", "0.5",
    r"\frac12", r"$\frac12$", "yes", "The answer is 5", "12 cm", "50%",
)  # fmt: skip


@cache
def verified(truth: str, answer: str) -> bool:
    return bool(verify(parse(truth), parse(answer)))


def official_score(text: str, truth: str) -> float:
    """`compute_score_math`, with a judge that says yes to what is `judged_right`."""
    bad_format = text.count("<think>") != text.count("</think>")
    boxes = re.findall(r"\\boxed{([^}]+)}", text.split("</think>")[-1].strip(), flags=re.DOTALL)
    accuracy = 0.0
    if not boxes:
        bad_format = True
    else:
        bad_format |= len(boxes) > 1
        accuracy = float(verified(truth, boxes[-1]) or judged_right(boxes[-1]))
    return 1.2 * accuracy + 0.4 * (-1.0 if bad_format else 0.0)


def judged_right(answer: str) -> bool:
    """Any fixed opinion will do; one that is neither always true nor always false."""
    return len(answer) % 3 == 0


async def judge(questions: list[JudgeQuestion]) -> list[Verdict]:
    verdicts = []
    for question in questions:
        outcome = OFFICIAL.shortcut(question)
        decider = Decider.RULE if outcome else Decider.SERVER
        if outcome is None:
            outcome = Outcome.RIGHT if judged_right(question.answer) else Outcome.WRONG
        verdicts.append(Verdict(outcome=outcome, decided_by=decider))
    return verdicts


async def test_510_scores_are_the_official_ones() -> None:
    cases = list(product(REFERENCES, ANSWERS))
    texts = [rf"<think>so</think>\boxed{{{answer}}}" for _, answer in cases]
    rows = [
        read_row({COMPLETION: text, "data_source": "thinklite_eureka", "solution": truth})
        for text, (truth, _) in zip(texts, cases, strict=True)
    ]
    scores = await score_batch(rows, judge, ScoringMode.OFFICIAL)
    expected = [official_score(text, truth) for text, (truth, _) in zip(texts, cases, strict=True)]
    differing = [
        (case, score.total, wanted)
        for case, score, wanted in zip(cases, scores, expected, strict=True)
        if score.total != wanted
    ]
    assert (len(cases), differing) == (510, [])


def test_each_verification_is_the_official_one() -> None:
    for truth, answer in product(REFERENCES, ANSWERS):
        question = ask(answer, reference=truth, kind=QuestionKind.MATH)
        assert (OFFICIAL.shortcut(question) is Outcome.RIGHT) is verified(truth, answer)


@pytest.mark.parametrize(
    ("truth", "answer", "settled"),
    [
        ("B", "B", False),  # parses to nothing: the judge's
        ("B", r"\boxed{B}", False),
        ("x+1", "x+1", False),
        ("(1,2)", "(1,2)", False),
        (r"\pi", r"\pi", False),
        (r"2\sqrt{3}", "2", True),  # read as 2
        (r"$2\sqrt{3}$", "$2\\sqrt3$", True),
        ("3:4", "3", True),  # read as 3
        ("The height is not 6.", "6", True),
    ],
)
def test_what_the_official_rule_settles(truth: str, answer: str, settled: bool) -> None:
    assert verified(truth, answer) is settled
    question = ask(answer, reference=truth, kind=QuestionKind.MATH)
    assert OFFICIAL.shortcut(question) is (Outcome.RIGHT if settled else None)

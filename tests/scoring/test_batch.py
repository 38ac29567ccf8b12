"""A batch's scores: who is asked, what an answer gives that nothing can judge, and warnings."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from swift_deepeyes.scoring.row import COMPLETION, RowFault, ScoredRow, read_row
from swift_deepeyes.scoring.score import score_batch
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, QuestionKind, Verdict
from swift_deepeyes.settings import ScoringMode

STRICT, OFFICIAL = ScoringMode.STRICT, ScoringMode.OFFICIAL


class ScriptedJudge:
    """Answers with the given outcomes, in order, and keeps what it was asked."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = outcomes
        self.asked: list[list[JudgeQuestion]] = []

    async def __call__(self, questions: list[JudgeQuestion]) -> list[Verdict]:
        self.asked.append(questions)
        return [
            Verdict(outcome=outcome, decided_by=Decider.SERVER)
            for outcome, _ in zip(self.outcomes, questions, strict=True)
        ]


def row(text: object = "<answer>red</answer>", **columns: object) -> ScoredRow:
    given = {
        COMPLETION: text,
        "data_source": "vstar",
        "solution": "red",
        "extra_info": {"index": 3, "question": "Which colour?"},
    }
    return read_row(given | columns)


async def totals(rows: Sequence[ScoredRow], judge: ScriptedJudge, mode: ScoringMode) -> list[float]:
    return [score.total for score in await score_batch(rows, judge, mode)]


async def test_one_call_asks_for_the_rows_that_need_a_judge_in_order() -> None:
    rows = [
        row(),
        row("It is red."),
        row(r"\boxed{4}", data_source="thinklite_eureka"),
        row("<answer>blue</answer>"),
    ]
    judge = ScriptedJudge(Outcome.RIGHT, Outcome.RIGHT, Outcome.WRONG)
    assert await totals(rows, judge, STRICT) == [0.8, -0.2, 1.2, 0.0]
    (questions,) = judge.asked
    assert [question.answer for question in questions] == ["red", "4", "blue"]
    assert [question.kind for question in questions] == [
        QuestionKind.OPEN,
        QuestionKind.MATH,
        QuestionKind.OPEN,
    ]
    assert questions[0].question == "Which colour?"
    assert questions[0].reference == "red"


async def test_no_question_no_judge() -> None:
    judge = ScriptedJudge()
    assert await totals([], judge, STRICT) == []
    assert await totals([row("It is red.")], judge, STRICT) == [-0.2]
    assert judge.asked == []


async def test_an_answer_that_nothing_could_judge() -> None:
    rows = [row(), row("<think><answer>red</answer>")]
    judge = ScriptedJudge(Outcome.UNREADABLE, Outcome.UNREADABLE)
    scores = await score_batch(rows, judge, STRICT)
    assert [score.accuracy for score in scores] == [None, None]
    assert [score.terms["tool"] for score in scores] == [0.0, 0.0]
    assert [score.total for score in scores] == [0.0, -0.2]  # silence does not excuse bad form
    assert scores[0].verdict is not None and scores[0].answer == "red"


async def test_an_unjudged_answer_takes_the_mean_of_its_question() -> None:
    crop = {"turns": [{"text": "x"}, {"text": "<answer>red</answer>"}], "crops": 1}
    rows = [
        row(),
        row(rollout_infos={"deepeyes": {**crop, "source_images": 1}}),
        row("<answer>blue</answer>"),
        row("<think><answer>dunno</answer>"),
        row("<answer>who knows</answer>", extra_info={"index": 4, "question": "Which colour?"}),
        row("It is red."),
    ]
    outcomes = [Outcome.RIGHT, Outcome.RIGHT, Outcome.WRONG, *[Outcome.UNREADABLE] * 2]
    scores = await score_batch(rows, ScriptedJudge(*outcomes), STRICT)
    assert [score.accuracy for score in scores] == [1.0, 1.0, 0.0, None, None, 0.0]
    assert [score.terms["tool"] for score in scores] == [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    # Four judged answers to question 3: accuracy 2/4, tool 1/4; none to question 4.
    expected = [0.8, 2.0, 0.0, 0.8 * 0.5 - 0.2 + 1.2 * 0.25, 0.0, -0.2]
    assert [score.total for score in scores] == pytest.approx(expected)


async def test_official_has_no_rule_judge_whose_silence_were_wrong() -> None:
    async def rules(questions: list[JudgeQuestion]) -> list[Verdict]:
        return [Verdict(outcome=Outcome.UNREADABLE, decided_by=Decider.RULE) for _ in questions]

    (score,) = await score_batch([row()], rules, OFFICIAL)
    assert (score.accuracy, score.total) == (None, 0.0)


async def test_the_official_code_counts_an_unreadable_reply_as_wrong() -> None:
    (score,) = await score_batch([row()], ScriptedJudge(Outcome.UNREADABLE), OFFICIAL)
    assert (score.accuracy, score.total) == (0.0, 0.0)


@pytest.mark.parametrize("mode", list(ScoringMode))
async def test_rows_that_cannot_be_scored_are_named_once(
    mode: ScoringMode, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [row(), row("no tag", solution=None), row(None, data_source="chart")]
    judge = ScriptedJudge(Outcome.RIGHT)
    with caplog.at_level(logging.WARNING):
        scores = await score_batch(rows, judge, mode)
    assert [score.fault for score in scores] == [
        None,
        RowFault.MISSING_REFERENCE,
        RowFault.MISSING_TEXT,
    ]
    assert [score.accuracy for score in scores] == [1.0, None, None]
    assert [score.total for score in scores] == [0.8, 0.0, 0.0]
    (warning,) = caplog.messages
    assert "2 of 3 rows" in warning
    assert "vstar/3 (missing_reference), chart/3 (missing_text)" in warning


async def test_a_warning_stays_short(caplog: pytest.LogCaptureFixture) -> None:
    await score_batch([row(solution=None)] * 100, ScriptedJudge(), STRICT)
    assert "and 92 more" in caplog.text
    assert len(caplog.text) < 500


async def test_a_judge_that_gives_too_few_verdicts_is_a_bug_and_not_a_score() -> None:
    async def forgetful(questions: list[JudgeQuestion]) -> list[Verdict]:
        return []

    with pytest.raises(ValueError, match="zip"):
        await score_batch([row()], forgetful, STRICT)

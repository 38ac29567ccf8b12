"""A check that is registered once costs the format score, and is in curves, log and page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from swift_deepeyes.metrics.counts import sums_of
from swift_deepeyes.record.reader import read_log
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.record.writer import TrajectoryLog
from swift_deepeyes.scoring.format_check import FORMAT_CHECKS, Turns, error_names, format_check
from swift_deepeyes.scoring.row import COMPLETION, read_row
from swift_deepeyes.scoring.score import SampleScore, score_batch
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, Verdict
from swift_deepeyes.settings import ScoringMode
from swift_deepeyes.viewer.build import PageLimits, build_page
from tests.house.test_a_reward_term_is_one_file import head_of
from tests.viewer.log_maker import make_item

GOOD, SHOUTED, MUMBLED = (
    f"<answer>{answer}</answer>" for answer in ("red", "RED", "red or whatever")
)


@pytest.fixture(autouse=True)
def checks() -> Iterator[None]:
    with mock.patch.dict(FORMAT_CHECKS):

        @format_check()
        def shouted_answer(turns: Turns) -> bool:
            return (turns.answer or "").isupper()

        @format_check(voids=True)
        def mumbled_answer(turns: Turns) -> bool:
            return "whatever" in (turns.answer or "")

        yield


async def score_of_text(text: str, asked: list[str]) -> SampleScore:
    async def all_right(questions: list[JudgeQuestion]) -> list[Verdict]:
        asked.extend(question.answer for question in questions)
        return [Verdict(outcome=Outcome.RIGHT, decided_by=Decider.SERVER) for _ in questions]

    row = read_row({COMPLETION: text, "data_source": "vstar", "solution": "red"})
    (score,) = await score_batch([row], all_right, ScoringMode.STRICT)
    return score


async def test_the_check_costs_format_and_may_void_the_answer() -> None:
    asked: list[str] = []
    good, shouted, mumbled = [await score_of_text(t, asked) for t in (GOOD, SHOUTED, MUMBLED)]
    assert (good.total, good.format_errors) == (0.8, ())
    assert shouted.format_errors == ("shouted_answer",)
    assert shouted.terms["format"] == -1.0 and shouted.total == pytest.approx(0.6)
    assert mumbled.format_errors == ("mumbled_answer",)
    assert mumbled.accuracy == 0.0 and mumbled.verdict is None
    assert asked == ["red", "RED"]


async def test_the_check_is_in_curves_log_and_page(tmp_path: Path) -> None:
    assert {"shouted_answer", "mumbled_answer"} < set(error_names())
    lines = [await line(number, text) for number, text in enumerate((GOOD, SHOUTED))]
    values = sums_of(lines).values()
    assert values["deepeyes/format_errors/shouted_answer"] == 0.5
    assert values["deepeyes/format_errors/mumbled_answer"] == 0  # counted where it never fires

    log = TrajectoryLog(tmp_path)
    log.write(log.stage([[], []]), lines)
    log.close()
    found = [item.score.format_errors for item in read_log(tmp_path).trajectories]
    assert found == [(), ("shouted_answer",)]
    head = head_of(build_page(tmp_path, PageLimits()).html)
    assert [row["format"] for row in head["rows"]] == [[], ["shouted_answer"]]
    (errors,) = (curve for curve in head["curves"] if curve["title"] == "Format errors")
    assert errors["points"] == [[1, 0.5]]


async def line(number: int, text: str) -> LoggedTrajectory:
    item = make_item(number, text=text, step=1)
    return item.model_copy(update={"score": await score_of_text(text, [])})

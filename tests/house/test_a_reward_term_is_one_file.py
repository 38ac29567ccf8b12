"""A term that is registered once is in the reward, the curves, the log, the page and ms-swift."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from swift_deepeyes.metrics.counts import sums_of
from swift_deepeyes.ms_swift.rewards import reward_classes
from swift_deepeyes.record.reader import read_log
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.record.writer import TrajectoryLog
from swift_deepeyes.scoring.row import COMPLETION, read_row
from swift_deepeyes.scoring.scheme import REWARD_TERMS, JudgedSample, reward_term
from swift_deepeyes.scoring.score import SampleScore, score_batch
from swift_deepeyes.scoring.transcript import transcript_of_record
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, Verdict
from swift_deepeyes.settings import ScoringMode
from swift_deepeyes.viewer.build import PageLimits, build_page
from tests.viewer.log_maker import make_item


@pytest.fixture(autouse=True)
def brevity() -> Iterator[None]:
    with mock.patch.dict(REWARD_TERMS):

        @reward_term("brevity", visual=0.5, math=0.25)
        def brevity(sample: JudgedSample) -> float:
            return 1.0 if len(sample.extraction.answer or "") < 5 else 0.0

        yield


async def all_right(questions: list[JudgeQuestion]) -> list[Verdict]:
    return [Verdict(outcome=Outcome.RIGHT, decided_by=Decider.SERVER) for _ in questions]


async def score_of_row(text: str, **columns: object) -> SampleScore:
    given = {COMPLETION: text, "data_source": "vstar", "solution": "red", **columns}
    (score,) = await score_batch([read_row(given)], all_right, ScoringMode.STRICT)
    return score


async def line(number: int, text: str) -> LoggedTrajectory:
    item = make_item(number, text=text, step=1)
    assert transcript_of_record(item.trajectory).texts == (text,)
    return item.model_copy(update={"score": await score_of_row(text)})


async def test_the_term_is_in_the_reward() -> None:
    short, long = await score_of_row("<answer>red</answer>"), await score_of_row("<answer>scarlet")
    assert short.terms == {"accuracy": 1.0, "format": 0.0, "tool": 0.0, "brevity": 1.0}
    assert short.total == 0.8 + 0.5
    assert long.terms["brevity"] == 1.0  # no complete answer is a short one
    math = await score_of_row(r"\boxed{4}", data_source="thinklite_eureka", solution="4")
    assert math.total == 1.2 + 0.25


async def test_the_term_is_in_curves_log_and_page(tmp_path: Path) -> None:
    texts = ["<answer>red</answer>", "<answer>dark red</answer>"]
    lines = [await line(number, text) for number, text in enumerate(texts)]
    values = sums_of(lines).values()
    assert values["deepeyes/source/vstar/brevity"] == values["deepeyes/terms/brevity"] == 0.5

    log = TrajectoryLog(tmp_path)
    log.write(log.stage([[], []]), lines)
    log.close()
    (file,) = (tmp_path / "trajectories").glob("*.jsonl")
    written = [json.loads(text)["score"]["terms"]["brevity"] for text in file.open()]
    assert written == [1.0, 0.0]
    assert [item.score for item in read_log(tmp_path).trajectories] == [one.score for one in lines]

    head = head_of(build_page(tmp_path, PageLimits()).html)
    assert head["terms"] == ["format", "tool", "brevity"]  # the columns of the table
    assert [row["terms"]["brevity"] for row in head["rows"]] == [1.0, 0.0]
    (curve,) = (curve for curve in head["curves"] if curve["title"] == "Reward term: brevity")
    assert curve["points"] == [[1, 0.5]]


async def test_an_unjudged_answer_keeps_a_term_that_needs_no_verdict() -> None:
    async def first_only(questions: list[JudgeQuestion]) -> list[Verdict]:
        outcomes = [Outcome.RIGHT, Outcome.UNREADABLE]
        return [Verdict(outcome=outcome, decided_by=Decider.SERVER) for outcome in outcomes]

    texts = ("<answer>dark red</answer>", "<answer>red</answer>")
    rows = [
        read_row({COMPLETION: text, "data_source": "vstar", "solution": "red"}) for text in texts
    ]
    scores = await score_batch(rows, first_only, ScoringMode.STRICT)
    assert [score.total for score in scores] == [0.8, 0.8 + 0.5]


async def test_the_term_has_its_own_reward_in_ms_swift() -> None:
    made = reward_classes()["deepeyes_brevity"]
    assert made.__name__ == "DeepEyesBrevity"  # the metric's name
    assert made().value(await score_of_row("<answer>red</answer>")) == 1.0


def head_of(page: bytes) -> dict:
    text = page.decode().split('<script type="application/json" id="head">')[1]
    return json.loads(text.split("</script>")[0])

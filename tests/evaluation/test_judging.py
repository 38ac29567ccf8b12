"""Who decides: rules where they can, the judge where it must, nobody where it is away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from swift_deepeyes.settings import JudgeKind, Settings
from tests.evaluation.files import make_pope, training_row, write_parquet
from tests.evaluation.policy_server import PolicyServer
from tests.evaluation.running import Evaluate

AWAY = "http://127.0.0.1:9/v1"  # the discard port: nothing listens there


def judged_by(url: str, **changes: Any) -> Settings:
    quick: dict[str, Any] = {"judge_wait": 0.0, "judge_start_wait": 0.0, "judge_retries": 0}
    quick["judge_timeout"] = 5.0
    settings = Settings(judge=JudgeKind.OPENAI, **quick)
    return settings.model_copy(update={"judge_base_url": (url,), **changes})


def describe(messages: list[dict[str, Any]], seed: int) -> str:
    return "<think>hm</think><answer>It looks like a square.</answer>"


def say_yes(messages: list[dict[str, Any]], seed: int) -> str:
    return "<think>hm</think><answer>Yes, it is there.</answer>"


def say_right(messages: list[dict[str, Any]], seed: int) -> str:
    return "1"


def rows(tmp_path: Path) -> Path:
    questions = [training_row(n, f"What is thing {n}?", "a four-sided figure") for n in range(6)]
    return write_parquet(tmp_path / "rows.parquet", questions)


def test_open_questions_go_to_the_judge(tmp_path: Path, run_evaluation: Evaluate) -> None:
    with PolicyServer(describe) as server, PolicyServer(say_right, name="judge") as judge:
        report = run_evaluation(
            server,
            rows(tmp_path),
            tmp_path / "out",
            benchmark="parquet",
            settings=judged_by(judge.url),
        )
        assert len(judge.requests) == 6
    assert report.is_complete
    assert report.figures.modes[0].accuracy is not None
    assert report.figures.modes[0].accuracy.value == 1


def test_closed_questions_need_no_judge(tmp_path: Path, run_evaluation: Evaluate) -> None:
    with PolicyServer(say_yes) as server:
        report = run_evaluation(
            server,
            make_pope(tmp_path / "pope", 2),
            tmp_path / "out",
            benchmark="pope",
            settings=judged_by(AWAY),
        )
    assert report.is_complete
    assert report.judge_error == ""
    assert report.figures.modes[0].accuracy is not None
    assert report.figures.modes[0].accuracy.value == 0.5


def test_a_judge_that_is_away_costs_no_trajectory(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = rows(tmp_path)
    with PolicyServer(describe) as server, PolicyServer(say_right, name="judge") as judge:
        waiting = run_evaluation(
            server,
            data,
            tmp_path / "out",
            benchmark="parquet",
            settings=judged_by(AWAY),
        )
        asked = len(server.turns)
        assert not waiting.is_complete
        assert waiting.figures.modes[0].not_judged == 6
        assert waiting.figures.modes[0].accuracy is None
        assert any("NOT JUDGED" in remark for remark in waiting.remarks)
        done = run_evaluation(
            server,
            data,
            tmp_path / "out",
            benchmark="parquet",
            settings=judged_by(judge.url),
        )
        assert len(server.turns) == asked
    assert done.is_complete
    assert done.figures.modes[0].accuracy is not None
    assert done.figures.modes[0].accuracy.value == 1

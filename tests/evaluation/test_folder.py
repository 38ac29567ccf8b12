from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.episode.trajectory import CallRecord, CallStatus, Trajectory, TurnRecord
from swift_deepeyes.evaluation.folder import EvaluationFolder, FolderError
from swift_deepeyes.record.record import LoggedTrajectory
from tests.record.scored import score_of


def line(id: str, answer: str = "A") -> LoggedTrajectory:
    trajectory = Trajectory(source_images=1)
    return LoggedTrajectory(
        id=id, group="g", step=0, trajectory=trajectory, score=score_of(answer=answer)
    )


def log_of(folder: Path) -> Path:
    return folder / "trajectories" / "eval.jsonl"


def test_a_torn_line_is_cut_off_and_the_log_goes_on(tmp_path: Path) -> None:
    with EvaluationFolder(tmp_path) as folder:
        folder.append([line("1"), line("2")])
    with log_of(tmp_path).open("a") as log:
        log.write(line("3").model_dump_json()[:50])
    with EvaluationFolder(tmp_path) as folder:
        assert set(folder.read()) == {"1", "2"}
        folder.append([line("3"), line("1", answer="B")])
        assert {id: found.score.answer for id, found in folder.read().items()} == {
            "1": "B",
            "2": "A",
            "3": "A",
        }


def test_a_line_that_cannot_be_read_is_told_and_the_rest_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = line("1").model_dump_json()
    deep = whole.replace('"A"', "[" * 5000 + "]" * 5000)
    damaged = ["{}", whole.replace('"A"', '["A"]'), deep, "\u2028", whole[:60]]
    with EvaluationFolder(tmp_path) as folder:
        log_of(tmp_path).write_text("\n".join([*damaged, whole]) + "\n", encoding="utf-8")
        assert set(folder.read()) == {"1"}
        assert folder.lost_lines == len(damaged)
    assert "line 1 cannot be read" in caplog.text
    assert "line 3 cannot be read" in caplog.text


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"label": value}
    return value


@pytest.mark.parametrize(
    "arguments",
    [{"label": "\ud800"}, {"\udfff": 1}, nested(150), nested(220), nested(400)],
)
def test_whatever_a_call_holds_can_be_read_again(arguments: dict[str, Any], tmp_path: Path) -> None:
    call = CallRecord(name="zoom", arguments=arguments, status=CallStatus.OK, image_index=0)
    turn = TurnRecord(text="<tool_call>…</tool_call>", calls=(call, call))
    trajectory = Trajectory(source_images=1, turns=(turn,))
    written = line("1").model_copy(update={"trajectory": trajectory})
    with EvaluationFolder(tmp_path) as folder:
        folder.append([line("0"), written, line("2")])
        found = folder.read()
    assert set(found) == {"0", "1", "2"}
    assert folder.lost_lines == 0
    (again,) = found["1"].trajectory.turns
    assert again.text == turn.text
    assert [one.status for one in again.calls] == [CallStatus.OK] * 2


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(FolderError, match="cannot be written to"),
        EvaluationFolder(tmp_path / "file"),
    ):
        pass
    with EvaluationFolder(tmp_path / "out") as folder:
        folder.claim({"seed": "0"}, "x")
        (tmp_path / "out" / "settings.json").write_text("[")
        with pytest.raises(FolderError, match="Use another folder"):
            folder.claim({"seed": "0"}, "x")


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        EvaluationFolder(tmp_path),
        pytest.raises(FolderError, match="in use"),
        EvaluationFolder(tmp_path),
    ):
        pass

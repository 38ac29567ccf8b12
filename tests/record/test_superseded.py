"""What a run that begins after a step finds of later ones: set aside, not lost, and not doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from swift_deepeyes.record.follower import LogFollower
from swift_deepeyes.record.quota import prune
from swift_deepeyes.record.reader import read_log
from swift_deepeyes.record.record import AlarmLine, MetricsLine, RunInfo
from swift_deepeyes.record.superseded import set_aside
from swift_deepeyes.record.writer import TrajectoryLog
from swift_deepeyes.watching.run import WatchedRun
from tests.viewer.log_maker import make_item, store_image, write_lines


def append(folder: Path, name: str, *lines: str) -> None:
    with (folder / name).open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def log_steps(folder: Path, steps: range, run: str = "old", ranks: int = 2) -> None:
    """Two trajectories a step and rank, as each rank's own process writes them."""
    for rank in range(ranks):
        items = [
            make_item(0, group=f"{run}-{step}", step=step).model_copy(
                update={"id": f"{run}-{step}-{rank}-{n}", "rank": rank}
            )
            for step in steps
            for n in range(2)
        ]
        write_lines(folder, items, f"rank000{rank}-1-{run}.jsonl")
    for step in steps:
        values = {"reward": float(step)}
        append(folder, "metrics.jsonl", MetricsLine(step=step, values=values).model_dump_json())


def write_run(folder: Path, **parts: object) -> None:
    info = RunInfo.model_validate({"kind": "train", "name": "run", "started": "now", **parts})
    (folder / "run.json").write_text(info.model_dump_json())


def steps_of(folder: Path) -> tuple[list[int], list[int]]:
    read = read_log(folder)
    assert read.skipped.repeated == read.skipped.unreadable == read.skipped.half_written == 0
    return [line.step for line in read.trajectories], [line.step for line in read.metrics]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five steps of a run that was killed in the sixth, resumed after its third."""
    log_steps(tmp_path, range(1, 6))
    write_run(tmp_path)
    for step in (2, 4):
        alarm = AlarmLine(step=step, signal="tool_use", text=f"at {step}")
        append(tmp_path, "alarms.jsonl", alarm.model_dump_json())
    with (tmp_path / "trajectories" / "rank0001-1-old.jsonl").open("a") as file:
        file.write('{"id": "cut off", "step": 6, "traj')
    return tmp_path


def test_every_step_is_there_once(folder: Path) -> None:
    assert set_aside(folder, 3, "now") == 2 * 2 * 2 + 1 + 2 + 1  # with half a line, and an alarm
    log_steps(folder, range(4, 7), "new")
    trajectories, metrics = steps_of(folder)
    assert trajectories == sorted(4 * [*range(1, 7)]) and metrics == [*range(1, 7)]
    assert {one.id.split("-")[0] for one in read_log(folder).trajectories if one.step > 3} == {
        "new"
    }
    (alarm,) = LogFollower(folder).look().alarms
    assert alarm.step == 2


def test_what_was_set_aside_is_a_log_of_its_own(folder: Path) -> None:
    name = store_image(folder, b"\x89PNG\r\n\x1a\n")
    set_aside(folder, 3, "now")
    aside = folder / "superseded" / "now"
    read = read_log(aside)
    assert [line.step for line in read.trajectories] == [4] * 4 + [5] * 4
    assert [line.step for line in read.metrics] == [4, 5]
    assert read.skipped.half_written == 1
    assert read.run is not None and read.run.name == "run"
    assert (aside / "images" / name).is_file()
    (alarm,) = LogFollower(aside).look().alarms
    assert alarm.step == 4


def test_the_second_machine_of_a_shared_directory_finds_nothing_left(folder: Path) -> None:
    assert set_aside(folder, 3, "now") > 0
    before = {path: path.read_bytes() for path in folder.rglob("*.jsonl")}
    assert set_aside(folder, 3, "now") == 0
    assert before == {path: path.read_bytes() for path in folder.rglob("*.jsonl")}


def test_a_run_that_begins_anew_owns_the_whole_log(folder: Path) -> None:
    set_aside(folder, 0, "first")
    assert not list((folder / "trajectories").iterdir())
    log_steps(folder, range(1, 3), "new")
    assert steps_of(folder) == ([1] * 4 + [2] * 4, [1, 2])
    set_aside(folder, 0, "second")
    assert [line.step for line in read_log(folder / "superseded" / "second").metrics] == [1, 2]
    assert [line.step for line in read_log(folder / "superseded" / "first").metrics][-1] == 5


def test_nothing_of_later_steps_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert set_aside(folder, 9, "now") == 1  # the half line: later than whole ones
    (folder / "superseded" / "now" / "trajectories" / "rank0001-1-old.jsonl").unlink()
    for path, content in before.items():
        assert content.startswith(path.read_bytes())
    assert set_aside(folder / "nowhere", 0, "now") == 0


def test_lines_of_before_there_was_this_rule_are_kept(tmp_path: Path) -> None:
    """Steps 1 to 5, resumed after 3 and killed in 4 again; lines that say no step stay in place."""
    lines = ['{"step": 1, "values": {}}', "no JSON", '{"step": 5, "values": {}}', "[]"]
    lines += ['{"step": 3, "values": {"reward": 1}}', '{"step": 4, "values": {}}']
    append(tmp_path, "metrics.jsonl", *lines)
    assert set_aside(tmp_path, 3, "now") == 2
    left = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert left == [lines[0], lines[1], lines[4]]
    aside = (tmp_path / "superseded" / "now" / "metrics.jsonl").read_text().splitlines()
    assert aside == lines[2:]


def test_a_log_that_is_watched_goes_on(folder: Path) -> None:
    run = WatchedRun(folder)
    assert len(run.look()) == 5 + 2
    assert (run.view().seen, run.view().step) == (20, 5)
    set_aside(folder, 3, "now")
    write_run(folder, started="later", resumed_at=3)
    assert run.look() == []
    view = run.view()
    assert (view.seen, view.step) == (12, 3)
    assert [alarm.step for alarm in view.alarms] == [2]
    assert {one.step for one in view.trajectories} == {1, 2, 3}
    assert [step for step, _ in view.curves[0].points] == [1, 2, 3]
    log_steps(folder, range(4, 5), "new")
    assert run.look() == ["step 4  reward 4.00"]
    view = run.view()
    assert (view.seen, view.step, view.trajectories[0].group) == (16, 4, "new-4")


def test_the_size_limit_takes_what_was_superseded_first(folder: Path) -> None:
    set_aside(folder, 3, "now")
    assert prune(folder, 10**6) == 0
    size = sum(path.stat().st_size for path in (folder / "trajectories").iterdir())
    prune(folder, int(size / 0.85))
    assert not list((folder / "superseded").rglob("rank*.jsonl"))
    assert steps_of(folder)[0] == [1] * 4 + [2] * 4 + [3] * 4


def test_a_log_is_settled_when_all_is_written(tmp_path: Path) -> None:
    log = TrajectoryLog(tmp_path)
    for step in range(1, 9):
        log.write_metrics(MetricsLine(step=step, values={}))
    assert log.settle()
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 8
    log.close()
    broken = tmp_path / "metrics.jsonl" / "no directory"
    log = TrajectoryLog(broken)
    log.write_metrics(MetricsLine(step=1, values={}))
    assert not log.settle(5.0)
    log.close()

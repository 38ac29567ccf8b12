"""What is known of a run from its lines, without a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swift_deepeyes.metrics.counts import ACCURACY, REWARD
from swift_deepeyes.record.reader import LogError
from swift_deepeyes.record.record import RunInfo
from swift_deepeyes.watching.curves import BLOCKS, WatchedCurve, sparkline
from swift_deepeyes.watching.run import WatchedRun
from tests.record.scored import score_of
from tests.viewer.log_maker import make_item, write_lines

BEGUN = 1_800_000_000  # 2027-01-15T08:00:00Z


def write_run(folder: Path, started: str = "2027-01-15T08:00:00+00:00", **settings: str) -> None:
    info = RunInfo(kind="train", name="run", started=started, settings=settings)
    (folder / "run.json").write_text(info.model_dump_json())


def log_step(folder: Path, step: int, written: float | None, **values: float) -> None:
    line = {"step": step, "written": written, "values": {REWARD: step / 10, **values}}
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def test_step_curves_pace_and_lines(tmp_path: Path) -> None:
    write_run(tmp_path, max_steps="80")
    for step in range(1, 4):
        log_step(tmp_path, step, BEGUN + 60 * step, **{ACCURACY: 0.5, "loss": 0.1})
    run = WatchedRun(tmp_path)
    lines = run.look()
    assert lines[-1] == "step 3/80  reward 0.30  right 50 %  left 1 h 17 min"
    assert len(lines) == 3
    view = run.view()
    assert (view.step, view.steps, view.seconds_left) == (3, 80, 77 * 60)
    assert view.written == BEGUN + 180
    assert [(curve.title, len(curve.points)) for curve in view.curves] == [
        ("reward", 3),
        ("right", 3),
    ]
    log_step(tmp_path, 3, BEGUN + 185, **{"eval_reward": 1.0})  # an evaluation, at the same step
    assert run.look() == []
    log_step(tmp_path, 4, BEGUN + 240)
    assert run.look() == ["step 4/80  reward 0.40  left 1 h 16 min"]


def test_a_resumed_run_replaces_its_later_steps_and_its_pause_is_no_step(tmp_path: Path) -> None:
    write_run(tmp_path, started="2027-01-15T08:00:00+00:00", max_steps="10")
    for step in range(1, 6):
        log_step(tmp_path, step, BEGUN + 10 * step)
    run = WatchedRun(tmp_path)
    run.look()
    write_run(tmp_path, started="2027-01-15T20:00:00+00:00", max_steps="10")
    later = BEGUN + 12 * 3600
    for step in (3, 4):
        log_step(tmp_path, step, later + 100 * step)
    run.look()
    for view in (run.view(), fresh_view(tmp_path)):
        assert [step for step, _ in view.curves[0].points] == [1, 2, 3, 4]
        assert view.step == 4 and view.seconds_left == 600


def fresh_view(folder: Path):  # type: ignore[no-untyped-def]
    run = WatchedRun(folder)
    run.look()
    return run.view()


def test_trajectories_are_the_last_ones_one_of_each_prompt(tmp_path: Path) -> None:
    items = [
        make_item(n, group=f"g{n // 4}", step=n // 8) for n in range(32)
    ]  # two groups of four a step
    write_lines(tmp_path, items[::2], "rank0.jsonl")
    write_lines(tmp_path, items[1::2], "rank1.jsonl")
    view = fresh_view(tmp_path)
    assert view.seen == 32
    assert [(t.step, t.group) for t in view.trajectories] == [
        (n // 2, f"g{n}") for n in reversed(range(8))
    ]


def test_without_a_file_of_metrics_the_trajectories_are_counted(tmp_path: Path) -> None:
    def item(number: int, step: int, accuracy: float, total: float):  # type: ignore[no-untyped-def]
        return make_item(number, step=step, score=score_of(accuracy, total=total))

    write_lines(tmp_path, [item(0, 1, 1.0, 2.0), item(1, 1, 0.0, 0.0), item(2, 2, 1.0, 0.8)])
    run = WatchedRun(tmp_path)
    assert run.look() == ["step 1  reward 1.00  right 50 %  crop 0 %  turns 1.0"]
    view = run.view()
    assert view.is_counted and view.step == 2
    curves = {curve.title: dict(curve.points) for curve in view.curves}
    assert curves["reward"] == {1: 1.0, 2: 0.8} and curves["right"] == {1: 0.5, 2: 1.0}
    evaluated = item(4, 2, 0.0, 0.0).model_copy(update={"split": "eval"})
    write_lines(tmp_path, [evaluated, item(3, 3, 1.0, float("nan"))])
    assert run.look() == ["step 2  reward 0.80  right 100 %  crop 0 %  turns 1.0"]


def test_an_odd_run_json_is_none_or_says_little(tmp_path: Path) -> None:
    log_step(tmp_path, 1, None)
    write_run(tmp_path, started="yesterday", max_steps="many")
    view = fresh_view(tmp_path)
    assert view.steps is None and view.seconds_left is None and view.written is None
    (tmp_path / "run.json").write_text("{")
    assert fresh_view(tmp_path).run is None


def test_an_empty_directory_says_what_it_waits_for_and_where_a_log_is(tmp_path: Path) -> None:
    run = WatchedRun(tmp_path)
    run.look()
    assert run.view().is_empty
    assert run.waits_for.startswith(f"Waiting for the first step: no line in {tmp_path}/traj")
    write_lines(tmp_path / "log", [make_item(0)])
    with pytest.raises(LogError, match=f"There is one in {tmp_path / 'log'}"):
        run.require_something()


def curve(*values: float | None, top: float | None = None) -> tuple[WatchedCurve, range]:
    points = tuple((step, value) for step, value in enumerate(values) if value is not None)
    return WatchedCurve("c", points, str, top), range(len(values))


def test_a_curve_fills_its_height_and_a_share_the_whole_range() -> None:
    assert sparkline(*curve(0.0, 0.5, 1.0), width=10) == ["▁▅█"]
    assert sparkline(*curve(0.0, 0.1, 0.2, top=1.0), width=10) == ["▁▂▂"]
    assert sparkline(*curve(5.0, 5.01, 5.0), width=10) == ["▁▁▁"], "noise of a flat curve"
    assert sparkline(*curve(0.0, 0.0), width=10) == ["▁▁"]
    assert sparkline(*curve(0.0, None, 1.0), width=10) == ["▁ █"]


def test_more_steps_than_characters_are_means_and_more_rows_are_finer() -> None:
    line, steps = curve(*(step / 99 for step in range(100)))
    (drawn,) = sparkline(line, steps, width=20)
    assert len(drawn) == 20 and list(drawn) == sorted(drawn, key=BLOCKS.index)
    upper, lower = sparkline(line, steps, width=16, rows=2)
    assert upper == "        " + "▁▂▃▄▅▆▇█" and lower == "▁▂▃▄▅▆▇█" + "█" * 8

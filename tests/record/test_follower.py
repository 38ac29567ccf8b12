"""A log that is being written: what is new, read once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from swift_deepeyes.record.follower import LogFollower, NewLines
from swift_deepeyes.record.reader import LogError, Skipped
from swift_deepeyes.record.record import AlarmLine, RunInfo
from tests.viewer.log_maker import make_item, metrics_line, write_lines


def ids(new: NewLines) -> list[str]:
    return [item.id for item in new.trajectories]


def test_each_look_gives_what_is_new_of_every_file(tmp_path: Path) -> None:
    follower = LogFollower(tmp_path)
    assert follower.look() == NewLines((), (), (), None, Skipped())
    write_lines(tmp_path, [make_item(0), make_item(1)], "rank0.jsonl")
    (tmp_path / "metrics.jsonl").write_text(metrics_line(1, reward=1.0))
    assert ids(first := follower.look()) == ["item-0", "item-1"]
    assert [line.step for line in first.metrics] == [1]
    write_lines(tmp_path, [make_item(2)], "rank0.jsonl")
    write_lines(tmp_path, [make_item(3)], "rank1.jsonl")
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(metrics_line(2, reward=2.0, bad=float("nan")))
    alarm = AlarmLine(step=2, signal="tool_use", text="it fell")
    (tmp_path / "alarms.jsonl").write_text(alarm.model_dump_json() + "\n")
    (tmp_path / "run.json").write_text(
        RunInfo(kind="train", name="n", started="s").model_dump_json()
    )
    new = follower.look()
    assert ids(new) == ["item-2", "item-3"]
    assert [dict(line.values) for line in new.metrics] == [{"reward": 2.0}]
    assert new.alarms == (alarm,) and new.run is not None and new.run.name == "n"
    assert ids(follower.look()) == []


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    file = write_lines(tmp_path, [make_item(0), make_item(1)])
    follower = LogFollower(tmp_path)
    follower.look()
    size = file.stat().st_size
    with file.open("r+b") as lines:  # another content in the same bytes
        lines.write(b"x" * (size - 1))
    write_lines(tmp_path, [make_item(2)])
    new = follower.look()
    assert ids(new) == ["item-2"] and new.skipped == Skipped()


def test_a_line_counts_when_its_end_is_there(tmp_path: Path) -> None:
    file = write_lines(tmp_path, [make_item(0), make_item(1)])
    content = file.read_bytes()
    file.write_bytes(content[:-30])
    follower = LogFollower(tmp_path)
    assert ids(follower.look()) == ["item-0"]
    assert ids(follower.look()) == []
    with file.open("ab") as lines:
        lines.write(content[-30:])
    new = follower.look()
    assert ids(new) == ["item-1"] and new.skipped == Skipped()
    with file.open("ab") as lines:
        lines.write(b"\xff no JSON\n\n")
    assert follower.look().skipped == Skipped(unreadable=1)


def test_of_a_large_log_only_the_ends_are_read(tmp_path: Path) -> None:
    text = "x" * 100_000
    for rank in range(3):
        items = [make_item(100 * rank + n, text=text) for n in range(40)]
        write_lines(tmp_path, items, f"rank{rank}.jsonl")
    follower = LogFollower(tmp_path, tail_bytes=3 * 2**20)
    new = follower.look()
    assert follower.is_partial and new.skipped == Skipped()
    assert {name.removeprefix("item-") for name in ids(new)} == {
        str(100 * rank + n) for rank in range(3) for n in range(30, 40)
    }
    write_lines(tmp_path, [make_item(7)], "rank1.jsonl")
    write_lines(tmp_path, [make_item(8, text=text * 20)], "rank3.jsonl")
    assert ids(follower.look()) == ["item-7", "item-8"]
    whole = LogFollower(tmp_path, tail_bytes=2**30)
    assert len(whole.look().trajectories) == 122 and not whole.is_partial


def test_a_file_in_the_place_of_another_is_read_from_its_beginning(tmp_path: Path) -> None:
    follower = LogFollower(tmp_path)
    file = write_lines(tmp_path, [make_item(0), make_item(1)])
    follower.look()
    file.unlink()  # pruned
    assert ids(follower.look()) == []
    write_lines(tmp_path, [make_item(2)])
    assert ids(follower.look()) == ["item-2"]
    file.write_bytes(b"")
    assert ids(follower.look()) == []
    write_lines(tmp_path, [make_item(3, text="")])
    assert ids(follower.look()) == ["item-3"]
    other = write_lines(tmp_path, [make_item(4), make_item(5)], "new.part")
    os.replace(other, file)
    assert ids(follower.look()) == ["item-4", "item-5"]


def test_what_is_no_file_of_lines_is_counted_once_and_no_directory_is_an_error(
    tmp_path: Path,
) -> None:
    (tmp_path / "metrics.jsonl").mkdir()
    follower = LogFollower(tmp_path)
    assert [follower.look().skipped.unreadable for _ in range(3)] == [1, 0, 0]
    with pytest.raises(LogError, match=r"is not a directory\. Training makes it when it begins"):
        LogFollower(tmp_path / "nowhere").look()

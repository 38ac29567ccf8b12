from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.record.reader import LogError, Skipped, read_log
from swift_deepeyes.record.record import LOG_FORMAT
from swift_deepeyes.viewer.build import PageLimits, build_page
from swift_deepeyes.viewer.curves import counted_metrics
from tests.record.scored import score_of
from tests.viewer.log_maker import make_item, metrics_line, write_lines

FORMAT_1 = Path(__file__).parent / "format_1.jsonl"


def test_reads_the_files_of_all_ranks(tmp_path: Path) -> None:
    write_lines(tmp_path, [make_item(0), make_item(40)], "rank0.jsonl")
    write_lines(tmp_path, [make_item(20)], "rank1.jsonl")
    log = read_log(tmp_path)
    assert [item.id for item in log.trajectories] == ["item-0", "item-20", "item-40"]
    assert log.skipped == Skipped()


def test_a_half_written_last_line_is_skipped_and_counted(tmp_path: Path) -> None:
    file = write_lines(tmp_path, [make_item(0), make_item(1)])
    content = file.read_bytes()
    file.write_bytes(content[:-30])
    log = read_log(tmp_path)
    assert [item.id for item in log.trajectories] == ["item-0"]
    assert log.skipped == Skipped(half_written=1)


def test_a_complete_last_line_without_its_line_end_counts(tmp_path: Path) -> None:
    file = write_lines(tmp_path, [make_item(0)])
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    assert read_log(tmp_path).skipped == Skipped()


def test_bad_lines_in_the_middle_are_counted_apart(tmp_path: Path) -> None:
    file = write_lines(tmp_path, [make_item(0)])
    with file.open("ab") as lines:
        lines.write(b'{"id": 1}\n\xff\xfe\x00\n[]\n\n')
    write_lines(tmp_path, [make_item(1)])
    log = read_log(tmp_path)
    assert len(log.trajectories) == 2
    assert log.skipped == Skipped(unreadable=3)


def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    file = write_lines(tmp_path, [])
    value = {**make_item(0).model_dump(mode="json"), "field_of_next_year": {"a": 1}}
    file.write_text(json.dumps(value) + "\n")
    assert read_log(tmp_path).trajectories == (make_item(0),)


def test_half_a_surrogate_pair_does_not_lose_the_trajectory(tmp_path: Path) -> None:
    file = write_lines(tmp_path, [])
    value = make_item(0, text="cut in an emoji: \ud83d").model_dump()
    file.write_text(json.dumps(value) + "\n")
    (item,) = read_log(tmp_path).trajectories
    assert item.trajectory.turns[0].text == "cut in an emoji: ?"


def test_of_a_trajectory_that_was_logged_twice_the_last_counts(tmp_path: Path) -> None:
    write_lines(tmp_path, [make_item(0), make_item(0, score=score_of(1.0, total=2.0))])
    log = read_log(tmp_path)
    assert [item.score.total for item in log.trajectories] == [2.0]
    assert log.skipped == Skipped(repeated=1)


def test_metrics_are_finite_and_the_last_line_of_a_step_counts(tmp_path: Path) -> None:
    write_lines(tmp_path, [make_item(0)])
    lines = [metrics_line(2, a=1.0), metrics_line(1, a=3.0, b=float("nan")), metrics_line(2, a=2.0)]
    (tmp_path / "metrics.jsonl").write_text("".join(lines) + '{"step": 3, "val')
    log = read_log(tmp_path)
    assert [(line.step, dict(line.values)) for line in log.metrics] == [
        (1, {"a": 3}),
        (2, {"a": 2}),
    ]
    assert log.skipped == Skipped(half_written=1, values=Counter(values=1))


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..", ".", "", "a\\b", "a\0b"])
def test_an_image_name_cannot_leave_the_log(tmp_path: Path, name: str) -> None:
    write_lines(tmp_path, [make_item(0)])
    assert read_log(tmp_path).image_path(name) is None


def test_nothing_to_show_is_told_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="is not a directory"):
        read_log(tmp_path / "nowhere")
    with pytest.raises(LogError, match=r"no trajectories/\*\.jsonl"):
        read_log(tmp_path)
    file = write_lines(tmp_path, [])
    with pytest.raises(LogError, match="empty: nothing was written yet"):
        read_log(tmp_path)
    file.write_text("{}\n{")
    with pytest.raises(LogError, match="None of 2 lines"):
        read_log(tmp_path)


def odd_lines() -> dict[str, bytes]:
    """Lines of foreign logs: each what it is, under the name of what is odd about it."""
    good = make_item(0).model_dump(mode="json")
    turns = [{"text": "a", "calls": [{"name": "t", "arguments": {}, "status": "of_next_year"}]}]
    changed: dict[str, dict[str, Any]] = {
        "nan reward": {"score": {"total": float("nan"), "terms": {"accuracy": float("nan")}}},
        "infinite reward": {"score": {"total": float("inf")}, "rewards": {"R": float("-inf")}},
        "nan in a box": {"trajectory": {**good["trajectory"], "turns": [crop_turn(float("nan"))]}},
        "wrong types": {
            "turn_tokens": "many",
            "score": {"verdict": 3, "total": "high"},
            "prompt": [1, "x"],
        },
        "huge whole numbers": {"turn_tokens": [10**400], "image_sizes": [[10**300, 10**300]]},
        "a huge count": {"trajectory": {**good["trajectory"], "source_images": 10**9}},
        "a number as id": {"index": 17, "group": 4},
        "a status that is not known": {"trajectory": {**good["trajectory"], "turns": turns}},
        "a stop that is not known": {"trajectory": {**good["trajectory"], "stop_reason": "bored"}},
        "another format": {"log_format": 99, "steps": {"new": 1}},
    }
    return {
        name: json.dumps({**good, "id": name, **changes}).encode()
        for name, changes in changed.items()
    }


def crop_turn(side: float) -> dict[str, Any]:
    box = [0, 0, side, 50]
    call = {"name": "t", "arguments": {"bbox_2d": box}, "status": "ok", "image_index": 0}
    return {"text": "", "calls": [call | {"box": box, "source_box": box, "crop_size": [9, 9]}]}


@pytest.mark.parametrize("name", odd_lines())
def test_a_line_of_a_foreign_log_is_shown_without_what_cannot_be_read(
    tmp_path: Path, name: str
) -> None:
    file = write_lines(tmp_path, [make_item(0)])
    with file.open("ab") as lines:
        lines.write(odd_lines()[name] + b"\n")
    log = read_log(tmp_path)
    assert {item.id for item in log.trajectories} == {"item-0", name}
    page = build_page(tmp_path, PageLimits())
    assert page.trajectories == 2
    for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', str(page.html)):
        assert not re.search(r"\b(NaN|Infinity)\b", text)


def test_what_was_left_out_is_told(tmp_path: Path) -> None:
    file = write_lines(tmp_path, [make_item(0)])
    with file.open("ab") as lines:
        for line in odd_lines().values():
            lines.write(line + b"\n")
    (tmp_path / "run.json").write_text('{"kind": 3}')
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 1, "values": {"reward": NaN, "loss": null, "a": "x", "kl": 1e999, "b": 2}}\n'
    )
    notes = " ".join(build_page(tmp_path, PageLimits()).notes)
    assert "values that cannot be read are left out" in notes
    for field in ("turn_tokens 2", "verdict 1", "total 1", "image_sizes 1", "values 2"):
        assert field in notes, field
    assert "1 line of a later format" in notes and "run.json cannot be read" in notes
    assert dict(read_log(tmp_path).metrics[0].values) == {"b": 2}


def test_a_reward_that_is_no_number_is_unknown_and_in_no_mean(tmp_path: Path) -> None:
    bad = {"total": float("nan"), "terms": {"accuracy": float("nan")}}
    file = write_lines(tmp_path, [make_item(n, step=1) for n in (0, 1)])
    for number, change in enumerate((bad, {"total": "x", "terms": {"accuracy": None}}), start=2):
        value = make_item(number, step=1).model_dump(mode="json") | {"score": change}
        with file.open("a") as lines:
            lines.write(json.dumps(value) + "\n")
    log = read_log(tmp_path)
    assert [item.score.accuracy for item in log.trajectories] == [1, 1, None, None]
    (line,) = counted_metrics(log.trajectories)
    assert line.values["reward"] == pytest.approx(0.8)
    assert line.values["deepeyes/accuracy/all"] == 1
    assert line.values["deepeyes/accuracy/unjudged"] == 0.5


def test_a_folder_and_a_broken_link_among_the_files_do_not_matter(tmp_path: Path) -> None:
    write_lines(tmp_path, [make_item(0)])
    (tmp_path / "trajectories" / "old.jsonl").mkdir()
    (tmp_path / "trajectories" / "gone.jsonl").symlink_to("nowhere")
    assert len(read_log(tmp_path).trajectories) == 1


def test_lines_of_format_1_are_read_as_those_of_today(tmp_path: Path) -> None:
    """Written by the code of that format: one visual row with a crop, one math row."""
    (tmp_path / "trajectories").mkdir()
    shutil.copy(FORMAT_1, tmp_path / "trajectories" / "rank0.jsonl")
    (tmp_path / "metrics.jsonl").write_text(
        metrics_line(1, **{"deepeyes/format_errors/missing_box": 0.5, "reward": 0.8})
    )
    log = read_log(tmp_path)
    assert log.skipped == Skipped()
    visual, math = (item.score for item in log.trajectories)
    assert visual.terms == {"accuracy": 1.0, "format": 0.0, "tool": 1.0}
    assert (visual.total, visual.answer, visual.crops) == (2.0, "red", 1)
    assert visual.verdict is not None and visual.verdict.reply == "Judgement: 1"
    assert math.terms == {"accuracy": 0.0, "format": -1.0, "tool": 0.0}
    assert (math.total, math.verdict, math.format_errors) == (-0.4, None, ("missing_boxed",))
    (line,) = log.metrics
    assert set(line.values) == {"deepeyes/format_errors/missing_boxed", "reward"}
    (counted,) = counted_metrics(log.trajectories)
    assert counted.values["deepeyes/format_errors/missing_boxed"] == 0.5
    assert counted.values["deepeyes/source/vstar/total"] == 2.0
    assert build_page(tmp_path, PageLimits()).trajectories == 2


def test_a_line_of_format_1_with_a_bad_value_is_kept_without_it(tmp_path: Path) -> None:
    (tmp_path / "trajectories").mkdir()
    value = json.loads(FORMAT_1.read_text().splitlines()[0])
    changed = json.dumps({**value, "total": "high", "format_errors": [3], "accuracy": "x"})
    (tmp_path / "trajectories" / "rank0.jsonl").write_text(changed + "\n")
    (item,) = read_log(tmp_path).trajectories
    assert item.score.accuracy is None and item.score.answer == "red"
    assert "reward" not in counted_metrics([item])[0].values


def test_what_is_written_is_format_2_with_the_score_as_it_is() -> None:
    item = make_item(0)
    written = json.loads(item.model_dump_json())
    assert written["log_format"] == LOG_FORMAT == 2
    assert written["score"] == item.score.model_dump(mode="json")
    assert not {"accuracy", "total", "format", "tool", "verdict", "answer"} & written.keys()

"""Whole evaluations against a server on this machine: what the issue promises, measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from swift_deepeyes.episode.trajectory import CallStatus
from swift_deepeyes.evaluation.folder import FolderError
from swift_deepeyes.evaluation.names import Family, ToolMode
from swift_deepeyes.evaluation.pixel_check import OtherPixelsError
from swift_deepeyes.evaluation.served_model import Stated, UnknownModelError
from swift_deepeyes.record.record import LoggedTrajectory
from tests.evaluation.files import hrbench_rows, make_pope, make_vstar, training_row, write_parquet
from tests.evaluation.policy_server import PolicyServer, images_of, look, one_in_ten, say_a
from tests.evaluation.running import Evaluate


def read_log(folder: Path) -> list[LoggedTrajectory]:
    lines = (folder / "trajectories" / "eval.jsonl").read_text().splitlines()
    return [LoggedTrajectory.model_validate_json(line) for line in lines]


def by_id(folder: Path) -> dict[str, str]:
    return {line.id: line.model_dump_json() for line in read_log(folder)}


def test_the_policy_is_measured_and_twice_the_same(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    data = make_vstar(tmp_path / "vstar")
    with PolicyServer(look) as server:
        first = run_evaluation(server, data, tmp_path / "first", concurrency=7)
        second = run_evaluation(server, data, tmp_path / "second", concurrency=2)
    assert first.is_complete
    assert first.pixels.problem == ""
    (mode,) = first.figures.modes
    assert mode.accuracy is not None
    # One in five is wrong by the policy's own dice; a wrong frame or crop would cost far more.
    assert 0.65 <= mode.accuracy.value < 1
    assert mode.accuracy.questions == 20
    assert mode.tool_use.crop_share > 0.5
    assert mode.tool_use.outcomes == {"ok": mode.tool_use.calls}
    assert mode.stop_reasons == {"answered": 20}
    assert set(mode.by_category) == {"direct_attributes", "relative_position"}
    assert first.figures == second.figures
    assert by_id(tmp_path / "first") == by_id(tmp_path / "second")


def test_crops_show_what_was_seen(tmp_path: Path, run_evaluation: Evaluate) -> None:
    """The crop is the square; the viewer finds images and boxes where the format says."""
    with PolicyServer(look) as server:
        run_evaluation(server, make_vstar(tmp_path / "vstar", 8), tmp_path / "out")
    zoomed = [line for line in read_log(tmp_path / "out") if line.trajectory.crops]
    assert zoomed
    for line in zoomed:
        (call,) = line.trajectory.calls
        assert call.status is CallStatus.OK
        assert call.source_box is not None
        left, top, right, bottom = call.source_box
        assert 60 <= right - left <= 85
        assert 60 <= bottom - top <= 85
        assert line.image_sizes[0] == (400, 300)
        assert all((tmp_path / "out" / "images" / name).is_file() for name in line.images)
        assert len(line.turn_tokens) == 2
        assert line.split == "eval"
        assert line.prompt[1].text.startswith("<image>\nWhat is the color")


def test_images_go_out_at_the_size_that_the_model_sees(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    with PolicyServer(look) as server:
        stated = Stated(max_pixels=100 * 28 * 28)
        run_evaluation(server, make_vstar(tmp_path / "vstar", 4), tmp_path / "out", stated=stated)
    for request in server.turns:
        for image in images_of(request["messages"]):
            assert image.width % 28 == image.height % 28 == 0
            assert image.width * image.height <= 100 * 28 * 28
            assert image.format == "PNG"


def test_always_a_gets_chance_level(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = make_vstar(tmp_path / "vstar", 40, pairs=0)
    with PolicyServer(say_a) as server:
        shuffled = run_evaluation(server, data, tmp_path / "shuffled")
        rotated = run_evaluation(server, data, tmp_path / "rotated", all_rotations=True)
        published = run_evaluation(server, data, tmp_path / "published", shuffle_seed=None)
    accuracy = shuffled.figures.modes[0].accuracy
    assert accuracy is not None
    assert accuracy.low <= 0.25 <= accuracy.high
    assert accuracy.value == pytest.approx(shuffled.figures.chance.first_option)
    assert shuffled.figures.chance.random == pytest.approx(0.25)
    assert shuffled.figures.chance.first_as_published == 1
    accuracy, strict = rotated.figures.modes[0].accuracy, rotated.figures.modes[0].strict
    assert accuracy is not None
    assert strict is not None
    assert accuracy.value == pytest.approx(0.25)
    assert accuracy.trials == 160
    assert strict.value == 0
    accuracy = published.figures.modes[0].accuracy
    assert accuracy is not None
    assert accuracy.value == 1  # the trap that shuffling avoids, and the report says so
    assert published.figures.chance.first_option == 1


def test_a_server_that_fails_now_and_then_changes_nothing(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    data = make_vstar(tmp_path / "vstar")
    with PolicyServer(look) as server:
        steady = run_evaluation(server, data, tmp_path / "steady", all_rotations=True)
        assert not steady.failed_tries
    with PolicyServer(look, fail=one_in_ten) as server:
        shaky = run_evaluation(server, data, tmp_path / "shaky", all_rotations=True)
    assert len(shaky.failed_tries) >= 3
    assert sum(shaky.failed_tries.values()) >= 8
    assert shaky.is_complete
    assert shaky.figures == steady.figures
    assert by_id(tmp_path / "shaky") == by_id(tmp_path / "steady")


def test_what_never_gets_a_reply_is_not_run_and_a_rerun_continues(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    data = make_vstar(tmp_path / "vstar")

    def fail(body: bytes, tries: int) -> str | None:
        return "500" if b"square 7" in body or b"square 11" in body else None

    with PolicyServer(look) as server:
        whole = run_evaluation(server, data, tmp_path / "whole")
    with PolicyServer(look, fail=fail) as server:
        partly = run_evaluation(server, data, tmp_path / "out", retries=1)
    mode = partly.figures.modes[0]
    assert not partly.is_complete
    assert mode.not_run == 2
    assert mode.accuracy is not None
    assert mode.accuracy.questions == 18
    assert all("HTTP 500" in reason for reason in partly.not_run.values())
    assert any("NOT RUN" in remark for remark in partly.remarks)
    with PolicyServer(look) as server:
        rest = run_evaluation(server, data, tmp_path / "out")
        asked = json.dumps([request["messages"] for request in server.turns])
        assert set(re.findall(r"square (\d+)", asked)) == {"7", "11"}
    assert rest.is_complete
    assert rest.figures == whole.figures


def test_a_server_that_is_away_stops_the_run(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = make_vstar(tmp_path / "vstar", 40)
    with PolicyServer(
        look, fail=lambda body, tries: None if b'"max_tokens":1,' in body else "503"
    ) as server:
        report = run_evaluation(server, data, tmp_path / "out", retries=0, concurrency=2)
    assert report.figures.modes[0].not_run == 40
    assert report.figures.modes[0].accuracy is None
    assert len(server.turns) < 40
    assert any("stopped" in reason for reason in report.not_run.values())


def test_other_settings_do_not_share_a_folder(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = make_vstar(tmp_path / "vstar", 4)
    with PolicyServer(look) as server:
        run_evaluation(server, data, tmp_path / "out")
        with pytest.raises(FolderError, match="max_turns was 6, is now 3"):
            run_evaluation(server, data, tmp_path / "out", max_turns=3)
        with pytest.raises(FolderError, match="options was 0, is now as published"):
            run_evaluation(server, data, tmp_path / "out", shuffle_seed=None)
        more = run_evaluation(server, data, tmp_path / "out", all_rotations=True)
    assert more.is_complete  # a folder may grow


@pytest.mark.parametrize("limits", [{"max_pixels": 50_000}, {"min_pixels": 50_000}])
def test_another_resize_on_the_server_stops_before_the_first_question(
    tmp_path: Path, run_evaluation: Evaluate, limits: dict[str, int]
) -> None:
    data = make_vstar(tmp_path / "vstar", 4)
    with PolicyServer(look, **limits) as server:
        with pytest.raises(OtherPixelsError, match="OTHER PIXELS") as stopped:
            run_evaluation(server, data, tmp_path / "out")
        assert "--no-check-tokens" in str(stopped.value) and "\n" not in str(stopped.value)
        assert not server.turns
        report = run_evaluation(server, data, tmp_path / "out", check_tokens=False)
    assert any("OTHER PIXELS" in remark for remark in report.remarks)


def test_a_refused_evaluation_does_not_take_the_folder(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    data = make_vstar(tmp_path / "vstar", 2, pairs=0)
    with PolicyServer(look, max_pixels=50_000) as server:
        with pytest.raises(OtherPixelsError):
            run_evaluation(server, data, tmp_path / "out")
        stated = Stated(max_pixels=50_000)
        assert run_evaluation(server, data, tmp_path / "out", stated=stated).is_complete


def test_an_unknown_model_is_refused(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = make_vstar(tmp_path / "vstar", 4)
    with PolicyServer(look, name="my-model") as server:
        with pytest.raises(UnknownModelError, match="--family"):
            run_evaluation(server, data, tmp_path / "out")
        stated = Stated(family=Family.QWEN2_5_VL, max_pixels=602_112)
        assert run_evaluation(server, data, tmp_path / "out", stated=stated).is_complete
    with (
        PolicyServer(look) as server,
        pytest.raises(UnknownModelError, match="--max-pixels"),
    ):
        run_evaluation(server, data, tmp_path / "other", stated=Stated())


def test_with_and_without_the_tool(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = make_vstar(tmp_path / "vstar")
    with PolicyServer(look) as server:
        report = run_evaluation(server, data, tmp_path / "out", tools=tuple(ToolMode))
    with_tool, without = report.figures.modes
    assert (with_tool.tool, without.tool) == (ToolMode.ON, ToolMode.OFF)
    assert with_tool.tool_use.calls > 0
    assert without.tool_use.calls == 0
    assert report.figures.gain is not None
    assert report.figures.gain.questions == 20
    silent = [r for r in server.turns if "image_zoom_in_tool" not in json.dumps(r["messages"])]
    assert len(silent) == 20


def test_samples_are_drawn_with_seeds_of_their_own(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    data = make_vstar(tmp_path / "vstar", 10)
    with PolicyServer(look) as server:
        report = run_evaluation(server, data, tmp_path / "out", samples=4)
        seeds = [request["seed"] for request in server.turns]
    assert len(set(seeds)) == len(seeds)
    accuracy = report.figures.modes[0].accuracy
    assert accuracy is not None
    assert (accuracy.questions, accuracy.trials) == (10, 40)
    assert accuracy.low < accuracy.value < accuracy.high


def test_pope_and_hrbench(tmp_path: Path, run_evaluation: Evaluate) -> None:
    pope = make_pope(tmp_path / "pope")
    hrbench = tmp_path / "hr"
    hrbench.mkdir()
    write_parquet(hrbench / "hr_bench_4k.parquet", hrbench_rows())
    with PolicyServer(look) as server:
        yes_no = run_evaluation(server, pope, tmp_path / "p", benchmark="pope")
        rotated = run_evaluation(
            server,
            hrbench,
            tmp_path / "h",
            benchmark="hrbench-4k",
            all_rotations=True,
            shuffle_seed=None,
        )
    mode = yes_no.figures.modes[0]
    assert mode.accuracy is not None
    assert mode.accuracy.value == 1
    assert mode.accuracy.questions == 24
    assert set(mode.by_category) == {"random", "popular", "adversarial"}
    assert yes_no.figures.chance.first_option == pytest.approx(0.5)
    mode = rotated.figures.modes[0]
    assert mode.accuracy is not None
    assert (mode.accuracy.questions, mode.accuracy.trials) == (3, 12)
    assert mode.strict is not None
    assert set(mode.by_position) == {"A", "B", "C", "D"}


def test_training_rows_bring_their_own_prompt(tmp_path: Path, run_evaluation: Evaluate) -> None:
    rows = [
        training_row(0, "Is there a red square in the image?", "yes"),
        training_row(1, "Is there a red square in the image?", "no"),
        training_row(2, "What is there in the red light?", "A blue square."),
    ]
    data = write_parquet(tmp_path / "rows.parquet", rows)
    with PolicyServer(look) as server:
        report = run_evaluation(server, data, tmp_path / "out", benchmark="parquet")
    assert report.is_complete
    system = {request["messages"][0]["content"] for request in server.turns}
    assert system == {"Use image_zoom_in_tool inside <tools></tools>."}
    scores = {line.index: line.score.accuracy for line in read_log(tmp_path / "out")}
    assert scores == {"rows/0": 1, "rows/1": 1, "rows/2": 0}
    assert report.figures.chance.first_option == pytest.approx(0.5)


def test_the_report_is_written_for_people_and_programs(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    with PolicyServer(look) as server:
        report = run_evaluation(server, make_vstar(tmp_path / "vstar", 8), tmp_path / "out")
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written["figures"] == json.loads(report.figures.model_dump_json())
    page = (tmp_path / "out" / "report.md").read_text()
    assert "OTHER conditions" in page
    assert "84.3, 85.9" in page
    assert "always the first option, if options stood as published | 100.0" in page
    assert json.loads((tmp_path / "out" / "run.json").read_text())["kind"] == "eval"

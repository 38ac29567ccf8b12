"""How the episode engine is driven over HTTP: limits, endings, the order of parts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.episode.trajectory import StopReason
from swift_deepeyes.evaluation.config import Sampling
from swift_deepeyes.evaluation.folder import EvaluationFolder
from swift_deepeyes.evaluation.names import Family
from swift_deepeyes.evaluation.served_model import Stated
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.settings import CropSource, JudgeKind, Settings
from tests.evaluation.files import make_vstar, training_row, write_parquet
from tests.evaluation.policy_server import CUT, PolicyServer, look, say_a, text_of
from tests.evaluation.running import Evaluate

PACKAGE = "swift_deepeyes.evaluation"


def always_zoom(messages: list[dict[str, Any]], seed: int) -> str:
    call = {"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [0, 0, 200, 200]}}
    return f"<think>again</think><tool_call>{json.dumps(call)}</tool_call>"


def stops(folder: Path) -> set[StopReason | None]:
    lines = (folder / "trajectories" / "eval.jsonl").read_text().splitlines()
    return {LoggedTrajectory.model_validate_json(line).trajectory.stop_reason for line in lines}


def test_an_observation_that_does_not_fit_is_not_sent(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    data = make_vstar(tmp_path / "vstar", 4)
    with PolicyServer(always_zoom, max_model_len=1500) as server:
        sampling = Sampling(max_tokens=10_000)
        report = run_evaluation(server, data, tmp_path / "out", max_turns=30, sampling=sampling)
    assert report.is_complete
    assert stops(tmp_path / "out") == {StopReason.CONTEXT_FULL}
    assert report.figures.modes[0].tool_use.most_calls > 1
    assert all(server.fits(request) for request in server.turns)


def test_a_context_that_is_not_known_makes_no_wrong_answers(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    """The server refuses at some turn: that is no trajectory, and the reason is told."""
    data = make_vstar(tmp_path / "vstar", 4)
    with PolicyServer(always_zoom, max_model_len=1500) as server:
        server.model = {**server.model, "max_model_len": None}
        limit, server.fits = 1500, lambda request: server.prompt_tokens(request["messages"]) < limit  # type: ignore[method-assign]
        report = run_evaluation(server, data, tmp_path / "out", max_turns=30)
    assert report.figures.modes[0].not_run == 4
    assert all("longer than the model's context" in why for why in report.not_run.values())


def test_turns_and_length_end_a_trajectory(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = make_vstar(tmp_path / "vstar", 4)
    with PolicyServer(always_zoom) as server:
        run_evaluation(server, data, tmp_path / "turns", max_turns=2)
    assert stops(tmp_path / "turns") == {StopReason.MAX_TURNS}
    with PolicyServer(lambda messages, seed: f"<think>{CUT}") as server:
        report = run_evaluation(server, data, tmp_path / "length")
    assert stops(tmp_path / "length") == {StopReason.LENGTH}
    assert report.figures.modes[0].accuracy is not None
    assert report.figures.modes[0].accuracy.value == 0


def test_parts_are_in_the_order_of_training(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = make_vstar(tmp_path / "vstar", 4)
    with PolicyServer(look) as server:
        run_evaluation(server, data, tmp_path / "out")
    request = next(request for request in server.turns if len(request["messages"]) == 4)
    roles = [message["role"] for message in request["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert text_of(request["messages"][1]).startswith("<image>\nWhat is the color")
    observation = text_of(request["messages"][3])
    assert observation.startswith("<tool_response><image>\nThink first, call **image_zoom_in_tool")
    assert observation.endswith("</tool_response>")


def test_boxes_in_thousandths(tmp_path: Path, run_evaluation: Evaluate) -> None:
    """A policy that writes pixels to a family that means thousandths looks at the wrong place."""
    data = make_vstar(tmp_path / "vstar", 8)
    stated = Stated(family=Family.QWEN2_VL, max_pixels=602_112)
    with PolicyServer(always_zoom) as server:
        run_evaluation(server, data, tmp_path / "out", stated=stated, max_turns=2)
    lines = (tmp_path / "out" / "trajectories" / "eval.jsonl").read_text().splitlines()
    calls = [call for line in lines for call in json.loads(line)["trajectory"]["turns"][0]["calls"]]
    assert {call["frame"] for call in calls} == {"norm1000"}
    assert calls[0]["source_box"][2] == pytest.approx(200 / 1000 * 400, abs=3)


def test_crops_from_the_original(tmp_path: Path, run_evaluation: Evaluate) -> None:
    data = make_vstar(tmp_path / "vstar", 8)
    settings = Settings(judge=JudgeKind.RULE, crop_source=CropSource.ORIGINAL)
    stated = Stated(max_pixels=64 * 28 * 28)
    with PolicyServer(look) as server:
        report = run_evaluation(server, data, tmp_path / "o", settings=settings, stated=stated)
    mode = report.figures.modes[0]
    assert mode.tool_use.accuracy_with_crop is not None
    assert mode.tool_use.accuracy_with_crop.value > 0.5


def test_a_row_without_a_tool_is_one_turn(tmp_path: Path, run_evaluation: Evaluate) -> None:
    row = training_row(0, "How many?", "3", data_source="thinklite_eureka", env_name="")
    row["prompt"] = [{"role": "user", "content": "How many? Put it into \\boxed{}."}]
    data = write_parquet(tmp_path / "rows.parquet", [row])

    def box_it(messages: list[dict[str, Any]], seed: int) -> str:
        return "<think>1, 2, 3</think>\\boxed{3}"

    with PolicyServer(box_it) as server:
        report = run_evaluation(server, data, tmp_path / "out", benchmark="parquet")
    assert report.figures.modes[0].accuracy is not None
    assert report.figures.modes[0].accuracy.value == 1
    # The row's text has no tag: the image goes in front, as ms-swift does it.
    assert text_of(server.turns[0]["messages"][0]).startswith("<image>How many?")


def test_a_full_disk_ends_the_run(
    tmp_path: Path, run_evaluation: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: EvaluationFolder, lines: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(EvaluationFolder, "append", fail)
    data = make_vstar(tmp_path / "vstar", 40)
    with PolicyServer(say_a, seconds=0.02) as server, pytest.raises(BaseExceptionGroup) as raised:
        run_evaluation(server, data, tmp_path / "out", concurrency=2)
    assert raised.group_contains(OSError)
    assert len(server.turns) < 20


def test_evaluation_knows_neither_host_nor_swift() -> None:
    program = (
        "import pkgutil, importlib, sys\n"
        f"import {PACKAGE} as package\n"
        "for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    importlib.import_module(found.name)\n"
        "bad = [m for m in sys.modules if m in ('swift', 'vllm', 'torch')]\n"
        "bad += [m for m in sys.modules if m.startswith('swift_deepeyes.ms_swift')]\n"
        "print(bad)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"

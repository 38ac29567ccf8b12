"""Real GRPO against a real `swift rollout`: crops and weights through HTTP, mixed rows, doctor."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.demo.processes import SwiftProcess
from swift_deepeyes.episode.trajectory import OVER_TURN, StopReason
from swift_deepeyes.record.record import LoggedTrajectory
from tests.e2e.servers import rollout_servers, server_mode
from tests.e2e.toy import Toy, logged, training_steps, with_datasets

pytestmark = pytest.mark.e2e


def test_server_mode_with_mixed_rows(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"DEEPEYES_JUDGE": "rule", "DEEPEYES_CROP_SOURCE": "original"}
    environment |= {"DEEPEYES_MASK_OVER_TURN": "true"}
    with rollout_servers(toy, tmp_path, 1, environment) as servers:
        arguments = server_mode(toy, tmp_path / "grpo", servers)
        arguments = with_datasets(arguments, "toy_vstar#8", "toy_thinklite#8")
        arguments += ["--overlong_filter", "true"]
        log = {"DEEPEYES_LOG_DIR": str(tmp_path / "log")}
        with SwiftProcess(arguments, tmp_path / "train.log", environment | log) as trainer:
            trainer.wait(600)
            said = trainer.read_log()
        served = servers[0].read_log()
        check_by_doctor(servers[0].port, monkeypatch)
    steps = training_steps(tmp_path / "grpo")
    assert len(steps) == 2 and any(step["grad_norm"] > 0 for step in steps)
    # Weights went over after the first step, and generation came back each time.
    assert "update_flattened_params" in served or "update_named_param" in served
    assert served.count("POST /infer/") >= 2
    check_banners(said, served)
    trajectories = logged(tmp_path / "log")
    assert len(trajectories) == 32
    check_marks(steps, trajectories)
    toolboxes = {one.source: one.trajectory.toolbox for one in trajectories}
    assert toolboxes == {"vstar": "visual_toolbox_v2", "thinklite_eureka": None}
    assert any(one.trajectory.crops for one in trajectories)
    by_step = {(one.step, one.source) for one in trajectories}
    assert any({(step, "vstar"), (step, "thinklite_eureka")} <= by_step for step in (0, 1))


def check_marks(steps: list[dict[str, Any]], trajectories: list[LoggedTrajectory]) -> None:
    """The trainer counts as truncated what the server's scheduler marked, and nothing else."""
    for number, step in enumerate(steps, start=1):
        of_step = [one.trajectory.stop_reason for one in trajectories if one.step == number]
        cut = [reason in {*OVER_TURN, StopReason.LENGTH} for reason in of_step]
        assert step["completions/clipped_ratio"] == pytest.approx(fmean(cut), abs=1e-6)
        assert step["deepeyes/masked/share"] == pytest.approx(fmean(cut), abs=1e-6)


def check_banners(trainer: str, server: str) -> None:
    """Each side says its own part, once."""
    for log in (trainer, server):
        assert len(re.findall(r"^swift-deepeyes \S+ with ms-swift", log, re.M)) == 1
        assert re.search(r"^  box frame +pixel \(template toy_qwen2_5_vl\)$", log, re.M)
    assert re.search(r"^  scheduler +deepeyes_scheduler, at most 3 turns$", server, re.M)
    assert re.search(r"^  scheduler +that of the rollout server", trainer, re.M)
    assert len(re.findall(r"^step \d/2  reward ", trainer, re.M)) == 2


def check_by_doctor(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`swift-deepeyes doctor` on the real rollout server: our scheduler, the same pixels."""
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    url = f"http://127.0.0.1:{port}"
    result = CliRunner().invoke(app, ["doctor", "--rollout", url, "--port", "0"])
    assert "rollout scheduler: deepeyes_scheduler answers" in result.output, result.output

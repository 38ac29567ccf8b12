"""The commands that the demo ends with, as a user pastes them into a plain shell."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

import swift_deepeyes
from swift_deepeyes.demo.own_data import write_own_data
from tests.e2e.toy import Toy, logged, training_steps

pytestmark = pytest.mark.e2e
ROOT = Path(swift_deepeyes.__file__).parents[1]


def test_data_of_ones_own_trains_in_a_plain_shell(toy: Toy, tmp_path: Path) -> None:
    lines = write_own_data(toy.options, toy.checkpoint, steps=2)
    # Where the package is installed, its path changes nothing.
    environment = {name: os.environ[name] for name in ("PATH", "HOME")} | {"PYTHONPATH": str(ROOT)}
    with (tmp_path / "log").open("wb") as log:
        shell = subprocess.Popen(
            ["bash", "-euc", "\n".join(lines)],
            cwd=tmp_path,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = shell.wait(400)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    assert status == 0, (tmp_path / "log").read_text()[-3000:]
    assert len(training_steps(toy.options.own_data / "run")) == 2
    trajectories = logged(toy.options.own_data / "log")
    assert len(trajectories) == 32
    assert {one.source for one in trajectories} == {"questions"}
    assert any(one.trajectory.crops for one in trajectories)
    assert all(one.index.startswith("questions.jsonl:") for one in trajectories if one.index)

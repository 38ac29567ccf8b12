"""Commands are started with the toy's environment, and stopped with all that they started."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from swift_deepeyes.demo import cpu_support, processes
from swift_deepeyes.demo.processes import ProcessFailedError, SwiftProcess, swift_environment


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for `swift` that runs its first argument as a shell script."""
    path = tmp_path / "swift"
    path.write_text('#!/bin/bash\neval "$1"\n')
    path.chmod(0o755)
    monkeypatch.setattr(processes, "swift_program", lambda: path)
    return path


def _is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_stop_ends_the_children_too(program: Path, tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 300 & echo child $!; exec sleep 300"
    with SwiftProcess([script], tmp_path / "log") as process:
        child = int(process.wait_for_line("child ", 20).split()[-1])
        assert _is_alive(child)
    assert not process.is_running
    assert not _is_alive(child)


def test_stop_ends_children_that_left_the_group(program: Path, tmp_path: Path) -> None:
    """As torchrun's workers do."""
    with SwiftProcess(["setsid sleep 300 & echo child $!; wait"], tmp_path / "log") as process:
        child = int(process.wait_for_line("child ", 20).split()[-1])
        while os.getpgid(child) != child:
            time.sleep(0.01)
        assert child in process.children
    assert not _is_alive(child)
    assert process.children == []


def test_any_end_can_be_waited_for(program: Path, tmp_path: Path) -> None:
    with SwiftProcess(["exit 7"], tmp_path / "log") as process:
        assert process.wait_for_status(20) == 7


def test_children_end_with_a_command_that_ended(program: Path, tmp_path: Path) -> None:
    process = SwiftProcess(["sleep 300 & echo child $!"], tmp_path / "log")
    process.wait(20)
    assert not _is_alive(int(process.read_log().split()[-1]))


def test_a_failure_shows_the_end_of_the_log(program: Path, tmp_path: Path) -> None:
    process = SwiftProcess(["echo it broke; exit 3"], tmp_path / "log")
    with pytest.raises(ProcessFailedError, match=r"status 3(.|\n)*it broke"):
        process.wait(20)


def test_waiting_for_a_line_that_never_comes(program: Path, tmp_path: Path) -> None:
    process = SwiftProcess(["echo nothing"], tmp_path / "log")
    with pytest.raises(ProcessFailedError, match="ended before"):
        process.wait_for_line("ready", 20)
    with (
        SwiftProcess(["sleep 300"], tmp_path / "log") as process,
        pytest.raises(ProcessFailedError, match="did not write"),
    ):
        process.wait_for_line("ready", 0.3)


def test_a_command_that_takes_too_long_is_stopped(program: Path, tmp_path: Path) -> None:
    start = time.monotonic()
    process = SwiftProcess(["sleep 300"], tmp_path / "log")
    with pytest.raises(ProcessFailedError, match="took over"):
        process.wait(0.3)
    assert time.monotonic() - start < 60


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("NPROC_PER_NODE", "8")
    environment = swift_environment({"MAX_PIXELS": "50176"})
    assert environment["PYTHONPATH"] == f"{cpu_support.SITE_FOLDER}{os.pathsep}/somewhere"
    assert "NPROC_PER_NODE" not in environment
    assert environment["MAX_PIXELS"] == "50176"
    assert environment["HF_HUB_OFFLINE"] == "1"

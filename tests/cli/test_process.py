"""The command as a process: Ctrl-C, a reader that leaves, a full disk, other terminals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.evaluation.files import make_vstar
from tests.evaluation.policy_server import PolicyServer, look

PROGRAM = [sys.executable, "-c", "from swift_deepeyes.cli.main import main; main()"]
SECONDS = 60


def start(*arguments: object, stdout: int = subprocess.PIPE, **env: str) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DEEPEYES_", "USE_HF"))}
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        env=kept | {"COLUMNS": "100"} | env,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupt(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=SECONDS)


def test_ctrl_c_while_the_hub_is_asked() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        hub = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = start("plan", "--model", "org/model", MODELSCOPE_DOMAIN=hub)
        try:
            connection, _ = silent.accept()  # it is in the middle of its work
            with connection:
                _, told = interrupt(process)
        finally:
            process.kill()
    assert (process.returncode, told) == (130, "Stopped by Ctrl-C.\n")


def test_ctrl_c_in_an_evaluation_says_how_to_go_on(tmp_path: Path) -> None:
    data = make_vstar(tmp_path / "vstar", 30)
    with PolicyServer(look, seconds=0.1) as server:
        options = ["--data", data, "--out", tmp_path / "out", "--base-url", server.url]
        process = start("eval", "vstar", *options, "--max-pixels", 602112, "--concurrency", 1)
        try:
            while process.poll() is None and len(server.turns) < 4:
                time.sleep(0.05)
            _, told = interrupt(process)
        finally:
            process.kill()
    assert process.returncode == 130
    assert told.splitlines()[-1] == (
        f"Stopped by Ctrl-C. What is finished is in {tmp_path / 'out'}; the same command continues."
    )
    assert "Traceback" not in told


@pytest.mark.parametrize("arguments", [["plan", "--full"], ["plugin-path"], ["eval", "--help"]])
def test_a_reader_that_leaves_is_no_error(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start(*arguments, stdout=writing)
    os.close(writing)
    _, told = process.communicate(timeout=SECONDS)
    assert told == ""
    assert process.returncode in (0, 1)


@pytest.mark.parametrize("arguments", [["plan"], ["plugin-path"]])
def test_a_full_disk_behind_stdout(arguments: list[str]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    process = start(*arguments, stdout=full)
    os.close(full)
    _, told = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert "No space left on device" in told and "Traceback" not in told


def test_a_terminal_without_utf_8() -> None:
    process = start("plan", "--full", PYTHONIOENCODING="ascii")
    said, told = process.communicate(timeout=SECONDS)
    assert (process.returncode, told) == (0, "")
    assert said.startswith("Qwen/Qwen2.5-VL-7B-Instruct, all weights")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    (tmp_path / "trajectories").mkdir(mode=0)
    process = start("view", tmp_path)
    _, told = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert told.startswith("error: ") and len(told.splitlines()) == 1


def test_a_fault_of_ours_is_one_line_and_debug_shows_it() -> None:
    program = (
        "import swift_deepeyes.planning.summary as s; s.summarise = lambda setup: 1 / 0;"
        "from swift_deepeyes.cli.main import main; main()"
    )
    for options in ([], ["--debug"]):
        command = [sys.executable, "-c", program, *options, "plan"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        assert run.returncode == 2
        assert run.stderr.splitlines()[-1].startswith("error: unexpected ZeroDivisionError: ")
        assert ("Traceback" in run.stderr) == bool(options)

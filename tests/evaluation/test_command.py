"""The command as a user runs it: a real process, killed, continued, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.demo import cpu_support
from swift_deepeyes.evaluation.folder import EvaluationFolder
from tests.evaluation.files import make_vstar
from tests.evaluation.policy_server import PolicyServer, look

PROGRAM = "from swift_deepeyes.cli.main import main; main()"


def start(*arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(cpu_support.SITE_FOLDER), "COLUMNS": "120"}
    environment = {k: v for k, v in environment.items() if not k.startswith("DEEPEYES_")}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "eval", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def options(server: PolicyServer, data: Path, out: Path) -> list[object]:
    return [
        *("vstar", "--data", data, "--out", out, "--base-url", server.url),
        *("--max-pixels", 602112, "--concurrency", 2, "--retries", 2),
    ]


def finished(out: Path) -> list[str]:
    log = out / "trajectories" / "eval.jsonl"
    return log.read_text().splitlines() if log.is_file() else []


def figures(out: Path) -> Any:
    return json.loads((out / "report.json").read_text())["figures"]


def test_killed_at_half_and_resumed_is_as_if_never_killed(tmp_path: Path) -> None:
    data = make_vstar(tmp_path / "vstar", 30)
    with PolicyServer(look, seconds=0.05) as server:
        run = start(*options(server, data, tmp_path / "whole"))
        output, _ = run.communicate(timeout=120)
        assert run.returncode == 0, output
        assert "What guessing without looking gets" in output

        killed = start(*options(server, data, tmp_path / "killed"))
        deadline = time.monotonic() + 120
        while len(finished(tmp_path / "killed")) < 15 and time.monotonic() < deadline:
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        done = finished(tmp_path / "killed")
        assert 15 <= len(done) < 30
        assert not (tmp_path / "killed" / "report.json").exists()
        # What a kill in the middle of a write leaves behind.
        with (tmp_path / "killed" / "trajectories" / "eval.jsonl").open("a") as log:
            log.write(done[0][: len(done[0]) // 2])

        asked_before = len(server.turns)
        resumed = start(*options(server, data, tmp_path / "killed"))
        output, _ = resumed.communicate(timeout=120)
        assert resumed.returncode == 0, output
        assert len(server.turns) - asked_before <= 2 * (30 - len(done))
    assert figures(tmp_path / "killed") == figures(tmp_path / "whole")
    whole = {json.loads(line)["id"]: line for line in finished(tmp_path / "whole")}
    assert {json.loads(line)["id"]: line for line in finished(tmp_path / "killed")} == whole


def test_exit_codes_and_messages(tmp_path: Path) -> None:
    data = make_vstar(tmp_path / "vstar", 6, pairs=1)

    def fail(body: bytes, tries: int) -> str | None:
        return "drop" if b"square 3" in body else None

    with PolicyServer(look, fail=fail) as server:
        arguments = options(server, data, tmp_path / "out")
        partly = start(*arguments, "--retries", 0)
        output, _ = partly.communicate(timeout=120)
        assert partly.returncode == 1, output
        assert "NOT RUN" in output
        wrong = start(*arguments, "--seed", 5)
        output, _ = wrong.communicate(timeout=120)
        assert wrong.returncode == 2
        assert "seed was 0, is now 5" in output
        assert "Traceback" not in output


def test_each_fault_of_the_set_up_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """In this process: each case is a wrong option beside otherwise right ones."""
    data = make_vstar(tmp_path / "vstar", 2, pairs=0)
    (tmp_path / "file").write_bytes(b"\xff\xfe")
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "config.json").write_text("{")
    wrong: list[tuple[list[object], str]] = [
        (["--data", tmp_path / "nowhere"], "There is nothing at"),
        (["--data", tmp_path / "file"], "not UTF-8"),
        (["--out", tmp_path / "file"], "cannot be written to"),
        (["--base-url", "127.0.0.1:8000/v1"], "starts with http://"),
        (["--base-url", "http://127.0.0.1:9/v1", "--retries", 0], "Nothing listens there"),
        (["--system-prompt", tmp_path / "nowhere.txt"], "nowhere.txt"),
        (["--system-prompt", tmp_path / "file"], "not UTF-8"),
        (["--checkpoint", tmp_path / "checkpoint"], "config.json is not JSON"),
        (["--model", "another"], "Say with --model"),
        (["--samples", 2], "--temperature"),
        (["--temperature", "nan"], "--temperature"),
        (["--concurrency", 0], "--concurrency"),
    ]
    with PolicyServer(look) as server:
        for number, (changed, told) in enumerate(wrong):
            arguments = [*options(server, data, tmp_path / f"out{number}"), *changed]
            done = CliRunner().invoke(app, ["eval", *map(str, arguments)])
            assert done.exit_code == 2, (changed, done.output)
            assert told in " ".join(done.output.split()), changed
            assert done.exception is None or isinstance(done.exception, SystemExit)


def test_it_says_what_it_waits_for_and_what_runs(tmp_path: Path) -> None:
    data = make_vstar(tmp_path / "vstar", 2, pairs=0)
    with PolicyServer(look) as server:
        arguments = ["eval", *map(str, options(server, data, tmp_path / "out"))]
        output = CliRunner().invoke(app, arguments).output
    said = [re.split(r"[:,]| that", line)[0].strip() for line in output.splitlines()]
    assert said[:6] == ["Server", "Model", "Questions", "Checking", "Image tokens", "Asking"]
    assert f"Server: {server.url}" in output
    assert "Questions: 2 of vstar, 2 trials" in output
    assert "Image tokens: as expected, 56x56" in output
    away = [*arguments, "--base-url", "http://127.0.0.1:9/v1", "--retries", "1"]
    done = CliRunner().invoke(app, away)
    assert done.exit_code == 2
    waiting = next(line for line in done.output.splitlines() if "Waiting for the server" in line)
    assert "Nothing listens there" in waiting and waiting.endswith("Again in 1 s; tries left: 1.")


def test_a_server_with_other_pixels_is_told_in_one_line(tmp_path: Path) -> None:
    data = make_vstar(tmp_path / "vstar", 2, pairs=0)
    with PolicyServer(look, max_pixels=50_000) as server:
        arguments = ["eval", *map(str, options(server, data, tmp_path / "out"))]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 2 and not server.turns
        (error,) = [line for line in done.output.splitlines() if line.startswith("error: ")]
        assert "State --family, --min-pixels and --max-pixels" in error
        assert CliRunner().invoke(app, [*arguments, "--no-check-tokens"]).exit_code == 0


def test_a_full_disk_is_told_and_the_run_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: EvaluationFolder, lines: object) -> None:
        raise OSError(28, "No space left on device")

    data = make_vstar(tmp_path / "vstar", 2, pairs=0)
    with PolicyServer(look) as server:
        arguments = ["eval", *map(str, options(server, data, tmp_path / "out"))]
        with monkeypatch.context() as patch:
            patch.setattr(EvaluationFolder, "append", fail)
            done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 1
        assert "No space left" in done.output
        assert "continues" in done.output
        assert CliRunner().invoke(app, arguments).exit_code == 0

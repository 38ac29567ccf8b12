"""The command `swift-deepeyes watch` as a process: in pipes, in a terminal, with hostile logs."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len

from swift_deepeyes.record.record import AlarmLine, RunInfo
from tests.viewer import hostile
from tests.viewer.log_maker import make_item, metrics_line, write_lines
from tests.watching.test_state import log_step, write_run

COMMAND = [sys.executable, "-c", "from swift_deepeyes.cli.main import main; main()", "watch"]
ESCAPE = "\x1b[31m\x1b]0;title\x07\x9b2J\r\b[red]bold[/red] [/] [link=http://x]\u202e\u2028 漢字"


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR",)}
    return {**kept, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "80", **changes}


def once(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, str(folder), "--once"],
        capture_output=True,
        text=True,
        env=environment(**changes),
        check=False,
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    write_run(tmp_path, max_steps="80", judge="judge-72b")
    for step in range(1, 13):
        log_step(tmp_path, step, time.time() - 60 * (13 - step), **{"deepeyes/crops/share": 0.5})
    write_lines(tmp_path, [make_item(n) for n in range(32)])
    return tmp_path


def test_once_prints_one_frame_of_eighty_columns(log: Path) -> None:
    done = once(log)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(cell_len, lines)) <= 80 and "\x1b" not in done.stdout
    assert re.match(r"run   step 12/80   last step 1 min ago", lines[0])
    assert re.search(r"^reward +▁\S*█ +0\.10 → +1\.20$", done.stdout, re.M)
    assert re.search(r"^with a crop +\S+ +50 % → +50 %$", done.stdout, re.M)
    assert "last trajectories of 32" in done.stdout
    assert re.search(r"^1 +right  0\.80 What colour is it\?", done.stdout, re.M)
    assert "judge judge-72b" in done.stdout


def test_what_a_model_wrote_is_text(tmp_path: Path) -> None:
    hostile.write_hostile_log(tmp_path)
    item = make_item(9, step=9, question=ESCAPE, reference=ESCAPE)
    write_lines(
        tmp_path,
        [
            item.model_copy(
                update={
                    "score": item.score.model_copy(
                        update={"answer": ESCAPE, "terms": {"accuracy": 0.0}}
                    )
                }
            )
        ],
    )
    info = RunInfo(kind=ESCAPE, name=ESCAPE, started=ESCAPE, settings={ESCAPE: ESCAPE})
    (tmp_path / "run.json").write_text(info.model_dump_json())
    alarm = AlarmLine(step=1, signal=ESCAPE, text=ESCAPE)
    (tmp_path / "alarms.jsonl").write_text(alarm.model_dump_json() + "\n")
    for changes in ({}, {"FORCE_COLOR": "1", "TERM": "xterm-256color"}):
        done = once(tmp_path, **changes)
        assert done.returncode == 0, done.stderr
        shown = re.sub(r"\x1b\[[\d;]*m", "", done.stdout) if changes else done.stdout
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", shown)
        assert r"\x1b[31m" in shown and "[red]bold[/red] [/]" in shown
        assert max(map(cell_len, shown.splitlines())) <= 80


@pytest.mark.parametrize("changes", [{"PYTHONIOENCODING": "ascii"}, {"TERM": "dumb"}])
def test_a_poor_terminal_gets_what_it_can_show(log: Path, changes: dict[str, str]) -> None:
    done = once(log, **changes)
    assert done.returncode == 0 and "reward" in done.stdout
    assert done.stdout.isascii() == ("PYTHONIOENCODING" in changes)


def test_nothing_to_show_is_one_line(tmp_path: Path) -> None:
    for folder, found in ((tmp_path, "There is no log in"), (tmp_path / "x", "is not a directory")):
        done = once(folder)
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert done.stderr.startswith("error: ") and found in done.stderr


@contextmanager
def following(folder: Path, **changes: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, str(folder), "--every", "0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(PYTHONUNBUFFERED="1", **changes),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    return next(line for line in lines if text in line)


def test_in_a_pipe_each_new_step_and_alarm_is_a_line_and_ctrl_c_is_a_good_end(
    tmp_path: Path,
) -> None:
    with following(tmp_path) as process:
        read_until(process, "Waiting for the first step")
        write_run(tmp_path, max_steps="80")
        log_step(tmp_path, 1, time.time())
        assert read_until(process, "step 1/80") == "step 1/80  reward 0.10\n"
        alarm = AlarmLine(step=1, signal="tool_use", text="it fell " * 30)
        (tmp_path / "alarms.jsonl").write_text(alarm.model_dump_json() + "\n")
        assert read_until(process, "alarm") == f"alarm at step 1: {alarm.text.strip()}\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stdout is not None and "Traceback" not in process.stdout.read()


def test_in_a_terminal_the_frame_follows_and_ctrl_c_gives_the_screen_back(log: Path) -> None:
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    kept = environment(TERM="xterm-256color")
    process = subprocess.Popen(
        [*COMMAND, str(log), "--every", "0.1"],
        stdin=child,
        stdout=child,
        stderr=child,
        env={name: value for name, value in kept.items() if name not in ("COLUMNS", "LINES")},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(child)
    try:
        assert "\x1b[?1049h" in screen_until(parent, "step 12/80")
        log_step(log, 13, time.time())
        screen_until(parent, "step 13/80")
        os.write(parent, b"\x03")
        assert "\x1b[?1049l" in screen_until(parent, "\x1b[?25h")
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(parent)


def screen_until(parent: int, text: str) -> str:
    """What is drawn until `text` is; the terminal is 24 lines high, and no frame is higher."""
    seen, deadline = "", time.monotonic() + 20
    while text not in seen:
        assert time.monotonic() < deadline, seen[-2000:]
        if select.select([parent], [], [], 0.5)[0]:
            seen += os.read(parent, 65536).decode(errors="replace")
    return seen


def test_an_evaluation_has_figures_and_no_steps(tmp_path: Path) -> None:
    info = RunInfo(kind="eval", name="vstar", started="2026-01-12", settings={"prompt": "x" * 999})
    (tmp_path / "run.json").write_text(info.model_dump_json())
    write_lines(tmp_path, [make_item(n, step=0, split="eval") for n in range(3)])
    shown = once(tmp_path).stdout
    assert shown.splitlines()[0] == "vstar" and "x" * 65 not in shown
    assert re.search(r"^right +100 %$", shown, re.M) and "all 3 trajectories" in shown


def test_a_log_of_metrics_alone_is_shown(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(metrics_line(1, reward=0.5))
    assert re.search(r"^reward +0\.50$", once(tmp_path).stdout, re.M)

"""Interrupted in any way and started again: the same bytes, and never half a file."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.errors import PrepareError
from swift_deepeyes.preparation import job, parts
from swift_deepeyes.preparation.recipe import Recipe
from swift_deepeyes.preparation.run import prepare
from swift_deepeyes.progress import Progress
from tests.preparation import published

ROWS = 300


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "PART_ROWS", 32)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    return published.write(folder / published.FILES["thinklite_eureka"], "thinklite_eureka", ROWS)


class Interrupting(Progress):
    """Stops the work after some steps, as Ctrl-C does."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise KeyboardInterrupt


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if not path.name.startswith(".")
    }


def test_any_interruption_gives_the_same_bytes(data: Path, tmp_path: Path, prepared: Any) -> None:
    recipe = {"validation": 0.1, "max_side": 50}
    prepared(data, out="whole", workers=1, **recipe)
    for steps in (0, 40, 100, 250, ROWS, ROWS + 20, 2 * ROWS + 1):
        with pytest.raises(KeyboardInterrupt):
            prepare([data], tmp_path / "out", Recipe(**recipe), 2, Interrupting(steps))
        visible = list((tmp_path / "out").glob("*.parquet"))
        assert not visible or steps >= 2 * ROWS  # written, and then only the report is missing
    parts_left = len(list((tmp_path / "out/.prepare").rglob("*.arrow")))
    assert parts_left == -(-ROWS // 32)
    prepared(data, **recipe)
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")
    assert len(digests(tmp_path / "out")) == 4
    assert not (tmp_path / "out/.prepare").exists()


def test_finished_parts_are_not_made_again(
    data: Path, tmp_path: Path, prepared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare([data], tmp_path / "out", Recipe(), 1, Interrupting(100))
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.arrow")}
    assert len(done) == 4  # of 32 rows; the last was written before the step was counted
    written: list[int] = []
    write = parts.WorkFolder.write
    monkeypatch.setattr(
        parts.WorkFolder,
        "write",
        lambda self, number, *rest: (written.append(number), write(self, number, *rest)),
    )
    prepared(data)
    assert written == list(range(4, -(-ROWS // 32)))


def test_another_recipe_or_another_file_starts_afresh(
    tmp_path: Path, prepared: Any, read: Any
) -> None:
    path = published.write(tmp_path / "data/mine.parquet", "vstar", 100, flaws=False)
    with pytest.raises(KeyboardInterrupt):
        prepare([path], tmp_path / "out", Recipe(), 1, Interrupting(60))
    assert prepared(path, max_side=60).files["deepeyes_mine"].images.reduced == 100
    with pytest.raises(KeyboardInterrupt):
        prepare([path], tmp_path / "out", Recipe(), 1, Interrupting(60))
    published.write(path, "vstar", 90, flaws=False)
    assert prepared(path).files["deepeyes_mine"].rows_train == 90


def test_a_prepared_file_is_not_prepared_again(
    data: Path, tmp_path: Path, prepared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepared(data)
    monkeypatch.setattr(parts, "GroupedWriter", None)  # would fail if it were used
    assert prepared(data) == first
    monkeypatch.undo()
    (output,) = (tmp_path / "out").glob("*.parquet")
    output.write_bytes(b"cut")
    assert prepared(data) == first
    assert output.stat().st_size == first.files["deepeyes_thinklite"].bytes_train


@pytest.mark.parametrize("closed_before", [0, 1])
def test_a_crash_while_writing_leaves_the_old_files(
    data: Path,
    tmp_path: Path,
    prepared: Any,
    monkeypatch: pytest.MonkeyPatch,
    closed_before: int,
) -> None:
    """Train and validation change together, also when only the second cannot be finished."""
    prepared(data, validation=0.1)
    before = digests(tmp_path / "out")
    close = parts.GroupedWriter.close
    calls = iter(range(2))

    def fail(self: parts.GroupedWriter) -> None:
        if next(calls) == closed_before:
            raise OSError("No space left on device")
        close(self)

    monkeypatch.setattr(parts.GroupedWriter, "close", fail)
    with pytest.raises(OSError, match="No space"):
        prepared(data, validation=0.1, max_side=50)
    assert digests(tmp_path / "out") == before


def test_files_prepared_one_after_the_other_share_report_and_registration(
    tmp_path: Path, prepared: Any
) -> None:
    published.write_all(tmp_path / "data", 10)
    for name in published.FILES.values():
        report = prepared(tmp_path / "data" / name)
    assert list(report.files) == ["deepeyes_chart", "deepeyes_thinklite", "deepeyes_vstar"]
    assert (tmp_path / "out/dataset_info.json").read_text().count("dataset_name") == 3


def test_two_runs_into_one_folder_are_refused(data: Path, tmp_path: Path, prepared: Any) -> None:
    (tmp_path / "out").mkdir()
    with (tmp_path / "out/.prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PrepareError, match="another preparation"):
            prepared(data)


@pytest.mark.parametrize("how", ["killed", "Ctrl-C"])
def test_killed_or_stopped_and_started_again(tmp_path: Path, how: str) -> None:
    """The real command: no process stays, and the next start gives the same bytes."""
    many = published.write(tmp_path / "data/mine.parquet", "vstar", 800, flaws=False)
    out = tmp_path / "killed"
    command = [str(Path(sys.executable).with_name("swift-deepeyes")), "prepare", str(many)]
    command += ["--out", str(out), "--max-side", "100", "--workers", "2"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(out.glob(".prepare/*/part-000001.arrow")) and process.poll() is None:
        time.sleep(0.01)
    assert process.poll() is None
    if how == "killed":
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    else:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130
        assert told.splitlines() == [
            f"Stopped. What is finished is kept in {out}; the same command goes on from there, "
            "and gives the same bytes."
        ]
    assert not list(out.glob("*.parquet"))
    assert list(out.glob(".prepare/*/*.arrow"))
    deadline = time.monotonic() + 30
    while _group_is_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _group_is_alive(process.pid)
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    whole = [*command[:4], str(tmp_path / "whole"), *command[5:]]
    subprocess.run(whole, capture_output=True, check=True)
    assert digests(out) == digests(tmp_path / "whole")


def _group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True

"""The trajectory log: nothing lost, nothing half, never more than its limit, never in the way."""

from __future__ import annotations

import base64
import io
import json
import logging
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from swift_deepeyes.dataset.image_content import image_bytes, image_name, image_size
from swift_deepeyes.episode.trajectory import CallRecord, Trajectory, TurnRecord
from swift_deepeyes.record import files as log_files
from swift_deepeyes.record.files import append_lines
from swift_deepeyes.record.quota import prune
from swift_deepeyes.record.reader import read_log
from swift_deepeyes.record.record import LoggedTrajectory, MetricsLine, RunInfo
from swift_deepeyes.record.writer import Quota, TrajectoryLog, line_of


def picture(seed: int, side: int = 40, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side + 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind)
    return buffer.getvalue()


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def record(name: str, step: int = 1, **changes: Any) -> LoggedTrajectory:
    trajectory = Trajectory(turns=(TurnRecord(text="x" * 200),), source_images=1)
    values = {"id": name, "group": "g", "step": step, "trajectory": trajectory}
    return LoggedTrajectory(**{**values, **changes})


def put(log: TrajectoryLog, records: list[LoggedTrajectory], images: list[list[object]]) -> None:
    log.write(log.stage(images), records)


def settle(log: TrajectoryLog) -> None:
    """Wait until everything that was put is on disk."""
    done = threading.Event()
    log._put(done.set)
    assert done.wait(60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def log(folder: Path) -> Iterator[TrajectoryLog]:
    log = TrajectoryLog(folder)
    yield log
    log.close()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_everything_comes_back(log: TrajectoryLog, folder: Path) -> None:
    source, crop = picture(1), picture(2)
    put(log, [record("a"), record("b")], [[text(source), text(crop)], [text(source)]])
    log.write_metrics(MetricsLine(step=1, values={"reward": 0.5}))
    log.write_run(RunInfo(kind="train", name="run", started="now"))
    log.close()
    read = read_log(folder)
    first, second = read.trajectories
    assert first.images[0] == second.images[0] == image_name(source)
    assert (folder / "images" / first.images[1]).read_bytes() == crop
    assert len(list((folder / "images").iterdir())) == 2
    assert read.metrics[0].values == {"reward": 0.5} and read.run is not None


def test_every_shape_of_image_keeps_its_place(
    log: TrajectoryLog, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "scene.jpg"
    path.write_bytes(picture(3, kind="JPEG"))
    png = picture(4)
    shapes: list[object] = [
        text(png),
        f"data:image/png;base64,{text(png)}",
        str(path),
        {"bytes": png, "path": None},
        {"bytes": None, "path": str(path)},
        "https://example.invalid/a.png",
        text(b"no image at all"),
        *(None, 7, {"bytes": None, "path": None}, "\0", str(tmp_path / "missing.png")),
    ]
    put(log, [record("a")], [shapes])
    log.close()
    (read,) = read_log(folder).trajectories
    names = read.images
    assert names[0] == names[1] == names[3] and names[0].endswith(".png")
    assert names[2] == names[4] and names[2].endswith(".jpg")
    assert set(names[5:]) == {""}
    assert [image_size(shape) for shape in shapes[:5]] == [(48, 40)] * 5
    assert [image_size(shape) for shape in shapes[5:]] == [None] * 7
    assert image_bytes(shapes[5]) is None or image_name(image_bytes(shapes[5]) or b"") is None


def test_text_that_is_no_unicode_and_numbers_that_are_no_json(
    log: TrajectoryLog, folder: Path
) -> None:
    arguments = {"bbox_2d": [float("nan"), float("inf")], "label": "\ud83d", "big": 10**400}
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    strange = [
        CallRecord(name="zoom", arguments=arguments, status="ok"),
        CallRecord(name="zoom", arguments={"deep": deep}, status="ok"),
    ]
    records = [
        record(
            f"{n}",
            trajectory=Trajectory(
                turns=(TurnRecord(text="a\ud83d", calls=(call,)),), source_images=0
            ),
        )
        for n, call in enumerate(strange)
    ]
    assert b"NaN" not in (line_of(records[0]) or b"NaN")
    put(log, [*records, record("last")], [[], [], []])
    log.close()
    read = read_log(folder)
    assert [trajectory.id for trajectory in read.trajectories] == ["0", "1", "last"]
    (bare,) = read.trajectories[1].trajectory.calls
    assert (bare.name, bare.arguments) == ("zoom", None)
    assert read.trajectories[0].trajectory.turns[0].text == "a?"


def test_a_line_cut_off_by_a_kill_is_closed_and_skipped(folder: Path) -> None:
    folder.mkdir()
    path = folder / "metrics.jsonl"
    path.write_bytes(b'{"step": 1, "values": {}}\n{"step": 2, "val')
    append_lines(path, [b'{"step": 3, "values": {}}'])
    assert path.read_bytes().splitlines()[1:] == [b'{"step": 2, "val', b'{"step": 3, "values": {}}']


def _write_for_ever(folder: Path, rank: int) -> None:
    log = TrajectoryLog(folder, Quota(rank=rank, ranks=3, limit_bytes=10**9))
    for number in range(100_000):
        images: list[list[object]] = [[text(picture(number % 20)), text(picture(100 + rank))]]
        put(log, [record(f"{rank}-{number}", group=str(number))], images)
        time.sleep(0.001)


def test_ranks_that_write_at_once_and_are_killed_leave_whole_files(folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_for_ever, args=(folder, rank)) for rank in range(3)]
    for writer in writers:
        writer.start()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and len(files(folder)) < 26:
        time.sleep(0.05)
    time.sleep(0.5)
    for writer in writers:
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    again = TrajectoryLog(folder, Quota(rank=0))
    put(again, [record("restart")], [[text(picture(0))]])
    again.close()

    read = read_log(folder)
    assert read.skipped.unreadable == 0 and read.skipped.half_written <= 3
    assert {trajectory.rank for trajectory in read.trajectories} == {0}
    assert any(trajectory.id == "restart" for trajectory in read.trajectories)
    assert len({trajectory.id[0] for trajectory in read.trajectories}) == 4
    for trajectory in read.trajectories:
        for name in trajectory.images:
            assert image_name((folder / "images" / name).read_bytes()) == name


def test_the_directory_stays_below_its_limit_and_what_is_left_is_whole(folder: Path) -> None:
    limit = 2_000_000
    log = TrajectoryLog(folder, Quota(limit_bytes=limit))
    size = len(picture(0, side=100))
    count = 6 * limit // size
    source = text(picture(10**6, side=100))
    sizes = []
    for number in range(count):
        own = text(picture(number, side=100))
        put(log, [record(f"{number:05d}", step=number)], [[source, own]])
        settle(log)
        sizes.append(sum(path.stat().st_size for path in files(folder)))
    log.close()
    assert max(sizes) < limit * 1.15
    read = read_log(folder)
    steps = [trajectory.step for trajectory in read.trajectories]
    assert steps == list(range(steps[0], count)), "the oldest go, and no others"
    assert len(steps) * size > limit / 2
    for trajectory in read.trajectories:
        for name in trajectory.images:
            assert (folder / "images" / name).exists(), "an image of a line that is left"
    shown = {name for trajectory in read.trajectories for name in trajectory.images}
    assert len(list((folder / "images").iterdir())) <= len(shown) + limit // 16 // size + 2


@pytest.fixture(autouse=True)
def _exact_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One machine, one clock: without this, seconds of a test are within the tolerance."""
    monkeypatch.setattr("swift_deepeyes.record.quota._CLOCK_SECONDS", 0)


def test_pruning_what_others_prune_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert prune(folder, 1) == 0  # no directory yet
    log = TrajectoryLog(folder, Quota(limit_bytes=1000, prunes=False))
    for number in range(10):
        put(log, [record(str(number))], [[text(picture(number))]])
    log.close()
    unlink = Path.unlink

    def someone_was_faster(path: Path, missing_ok: bool = False) -> None:
        unlink(path)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", someone_was_faster)
    assert prune(folder, 1000) > 0
    assert len(list((folder / "trajectories").iterdir())) == 1


def test_a_full_disk_is_one_line_in_the_log_and_nothing_else(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = TrajectoryLog(folder)
    put(log, [record("whole")], [[text(picture(0))]])
    settle(log)

    def write_a_part(descriptor: int, content: memoryview) -> int:
        if len(content) < 20:
            raise OSError(28, "No space left on device")
        return real_write(descriptor, content[: len(content) // 2])

    real_write = os.write
    monkeypatch.setattr(log_files.os, "write", write_a_part)
    for number in range(50):
        put(log, [record(str(number))], [[text(picture(number))]])
        time.sleep(0.001)
    log.write_metrics(MetricsLine(step=1, values={}))
    log.close()
    monkeypatch.undo()
    errors = [entry for entry in caplog.records if entry.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "training goes on" in errors[0].message and "No space left" in errors[0].message
    read = read_log(folder)
    assert [t.id for t in read.trajectories] == ["whole"] and read.skipped.half_written == 0


def _hit_the_file_size_limit(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    log = TrajectoryLog(folder)
    for number in range(200):
        put(log, [record(str(number))], [[]])
        time.sleep(0.0005)
    log.close()
    os._exit(0)


def test_a_write_that_the_system_cuts_short_leaves_whole_lines(folder: Path) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=_hit_the_file_size_limit, args=(folder,)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 0
    (lines,) = (folder / "trajectories").iterdir()
    assert 15_000 < lines.stat().st_size <= 20_000
    for line in lines.read_bytes().splitlines(keepends=True):
        assert line.endswith(b"\n") and json.loads(line)


def test_a_folder_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    log = TrajectoryLog(tmp_path / "file" / "log")
    put(log, [record("a")], [[]])
    while not caplog.records:
        time.sleep(0.01)
    put(log, [record("b")], [[]])
    log.close()
    assert [entry.levelname for entry in caplog.records] == ["ERROR"]


def test_a_slow_disk_costs_batches_not_time(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "swift_deepeyes.record.writer.append_lines",
        lambda path, lines: time.sleep(0.05) or 0,
    )
    log = TrajectoryLog(folder)
    begin = time.perf_counter()
    for number in range(100):
        put(log, [record(str(number))], [[text(picture(0))]])
    assert time.perf_counter() - begin < 3.0  # not 5
    log.close()
    assert "not logged: the disk is slow" in caplog.text


def test_lines_that_someone_removed_are_begun_anew(log: TrajectoryLog, folder: Path) -> None:
    put(log, [record("a")], [[]])
    settle(log)
    for path in folder.glob("trajectories/*.jsonl"):
        path.unlink()
    put(log, [record("b")], [[]])
    log.close()
    assert [trajectory.id for trajectory in read_log(folder).trajectories] == ["b"]

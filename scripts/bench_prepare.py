"""Measure `swift-deepeyes prepare` on a file: memory, speed, and the bytes after a kill.

    python scripts/bench_prepare.py data/data_v0.8_visual_toolbox_v2.parquet --out /tmp/prepared
    python scripts/bench_prepare.py --make /tmp/chart --rows 13659      # a look-alike first
    python scripts/bench_prepare.py --make /tmp/chart --rows 200 --jpeg # its images as JPEGs

It prepares the file once, watching the memory of the command and its workers, then a second time
into another folder, killed (SIGKILL) after some seconds and started again, as often as `--kills`
says, and compares the SHA-256 of what both wrote. Both folders are removed at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
SAMPLE_SECONDS = 0.5
MIB = 2**20


@dataclass
class Peak:
    """Peak memory in bytes. `shared_once` counts pages that processes share once (PSS)."""

    command: int = 0
    largest_worker: int = 0
    shared_once: int = 0
    processes: int = 0
    cpu_seconds: float = 0.0
    started: float = field(default_factory=time.perf_counter)


def descendants(pid: int) -> list[int]:
    """All processes below this one."""
    found: list[int] = []
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        direct = [int(child) for child in children.read_text().split()]
    except OSError:
        return []
    for child in direct:
        found += [child, *descendants(child)]
    return found


def memory(pid: int) -> tuple[int, int]:
    """The highest resident memory so far, and what it has now with shared pages divided."""
    peak = _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM")
    return peak * 1024, _kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss") * 1024


def cpu(pid: int) -> float:
    """Processor seconds that a process has used; 0 where it has ended."""
    try:
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def _kilobytes(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:  # it ended meanwhile
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def watch(process: subprocess.Popen[bytes], seconds: float | None) -> Peak:
    """Sample memory until the process ends or the time is over."""
    peak = Peak()
    while process.poll() is None:
        if seconds is not None and time.perf_counter() - peak.started > seconds:
            return peak
        own, total = memory(process.pid)
        below = descendants(process.pid)
        peak.cpu_seconds = max(peak.cpu_seconds, sum(map(cpu, [process.pid, *below])))
        for pid in below:
            resident, shared = memory(pid)
            peak.largest_worker = max(peak.largest_worker, resident)
            total += shared
        peak.command = max(peak.command, own)
        peak.shared_once = max(peak.shared_once, total)
        peak.processes = max(peak.processes, 1 + len(below))
        time.sleep(SAMPLE_SECONDS)
    return peak


def start(file: Path, out: Path, options: list[str]) -> subprocess.Popen[bytes]:
    """Start the command."""
    command = str(Path(sys.executable).with_name("swift-deepeyes"))
    return subprocess.Popen([command, "prepare", str(file), "--out", str(out), *options])


def digests(out: Path) -> dict[str, str]:
    """The SHA-256 of every file that users see."""
    result = {}
    for path in sorted(path for path in out.iterdir() if not path.name.startswith(".")):
        with path.open("rb") as file:
            result[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return result


def prepare_with_kills(file: Path, out: Path, options: list[str], kills: list[float]) -> None:
    """Start the command again and again, each time killed after some seconds but the last."""
    for seconds in kills:
        process = start(file, out, options)
        watch(process, seconds)
        if process.poll() is not None:
            print(f"not killed: the command had ended before {seconds:.0f} s")
            continue
        below = descendants(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(2)
        alive = [pid for pid in below if Path(f"/proc/{pid}").exists()]
        visible = [path.name for path in out.glob("*.parquet")]
        parts = len(list(out.glob(".prepare/*/*.arrow")))
        print(
            f"killed after {seconds:.0f} s: {parts} parts, files under final names: {visible}, "
            f"processes left: {len(alive)}",
            flush=True,
        )
    if start(file, out, options).wait() != 0:
        sys.exit("the command failed")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--make", type=Path, help="write a look-alike of the chart file here")
    parser.add_argument("--rows", type=int, default=13_659)
    parser.add_argument("--jpeg", action="store_true", help="the look-alike has JPEGs, not PNGs")
    parser.add_argument("--out", type=Path, default=Path("prepared_bench"))
    parser.add_argument("--kills", type=float, nargs="*", default=[0.4], help="parts of the time")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="for prepare")
    arguments = parser.parse_args()
    file = arguments.file or make(arguments.make, arguments.rows, arguments.jpeg)
    rows = pq.read_metadata(file).num_rows
    print(f"{file.name}: {rows:,} rows, {file.stat().st_size / 1e6:,.0f} MB", flush=True)

    whole, killed = arguments.out / "whole", arguments.out / "killed"
    process = start(file, whole, arguments.options)
    peak = watch(process, None)
    seconds = time.perf_counter() - peak.started
    if process.returncode != 0:
        sys.exit("the command failed")
    print(f"time {seconds:.0f} s, {rows / seconds:.0f} rows/s, {peak.processes} processes")
    print(
        f"processor {peak.cpu_seconds:.0f} s, {rows / peak.cpu_seconds:.0f} rows per core-second; "
        f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(
        f"peak memory: command {peak.command / MIB:.0f} MiB, largest worker "
        f"{peak.largest_worker / MIB:.0f} MiB, all together {peak.shared_once / MIB:.0f} MiB"
    )
    print_sizes(file, whole)
    prepare_with_kills(
        file, killed, arguments.options, [part * seconds for part in arguments.kills]
    )
    same = digests(whole) == digests(killed)
    for name, digest in digests(whole).items():
        print(f"{digest}  {name}")
    print("the killed run gave the same bytes" if same else "THE BYTES DIFFER")
    shutil.rmtree(arguments.out)
    sys.exit(0 if same else 1)


def print_sizes(file: Path, out: Path) -> None:
    """The bytes before and after, and how far changed JPEGs are from lossless pixels."""
    (report,) = json.loads((out / "report.json").read_text())["files"].values()
    images = report["images"]
    after = report["bytes_train"] + report["bytes_validation"]
    print(
        f"{file.stat().st_size / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB after; of "
        f"{images['images']:,} images {images['reduced']:,} are smaller, {images['enlarged']:,} "
        f"larger; changed JPEGs (errors in levels of 255): {images['jpegs']}"
    )


def make(folder: Path | None, rows: int, is_jpeg: bool) -> Path:
    """Write a look-alike."""
    if folder is None:
        sys.exit("name a file, or a folder with --make")
    sys.path.insert(0, str(ROOT))
    from tests.preparation import published

    kind = "JPEG" if is_jpeg else None
    path = folder / published.FILES["chart"]
    return published.write(path, "chart", rows, small=False, flaws=False, kind=kind)


if __name__ == "__main__":
    main()

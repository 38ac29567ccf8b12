"""What this machine has: GPUs and a torch that sees them, memory, disk, deepspeed.

Nothing here takes memory on a GPU; torch is asked only whether and how many it sees.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from swift_deepeyes.counted import counted
from swift_deepeyes.doctor.finding import Finding, failed, ok, warning

GB = 10**9
LEAST_MEMORY_GB = 32  # the smallest run of scripts/runs
DEMO_MEMORY_GB = 8
LEAST_SHARED_GB = 1  # Docker's own 0.06 ends NCCL and data loaders with a bus error
LEAST_DISK_GB = 60  # the data, 7B's weights and two LoRA checkpoints; full ones are 100 GB each
USED_SHARE = 0.1  # of a GPU's memory: somebody else is on it

_QUERY = "--query-gpu=index,name,memory.total,memory.used,driver_version"


@dataclass(frozen=True)
class InstalledGpu:
    """One line of nvidia-smi; memory in MiB."""

    index: int
    name: str
    total: int
    used: int
    driver: str


def check_hardware(folder: Path) -> list[Finding]:
    """All of it. `folder`: on whose disk a run would write."""
    gpus = find_gpus()
    return [
        *check_gpus(gpus),
        check_torch(gpus),
        check_deepspeed(len(gpus)),
        check_memory(memory_gb(), bool(gpus)),
        *_check_shared_memory(Path("/dev/shm"), bool(gpus)),
        check_disk(folder, shutil.disk_usage(folder).free / GB, bool(gpus)),
    ]


def find_gpus() -> list[InstalledGpu]:
    """The NVIDIA GPUs of this machine, whatever CUDA_VISIBLE_DEVICES says."""
    command = ["nvidia-smi", _QUERY, "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return read_gpus(done.stdout) if done.returncode == 0 else []


def read_gpus(text: str) -> list[InstalledGpu]:
    """The lines of nvidia-smi; what is no such line (an error, a GPU in parts) is left out."""
    gpus = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 5 and all(cell.isdigit() for cell in (cells[0], *cells[2:4])):
            index, total, used = int(cells[0]), int(cells[2]), int(cells[3])
            gpus.append(InstalledGpu(index, cells[1], total, used, cells[4]))
    return gpus


def check_gpus(gpus: list[InstalledGpu]) -> list[Finding]:
    """What is there, and whether somebody else is on it."""
    if not gpus:
        fix = "train on a machine where nvidia-smi lists GPUs; demo and tests run without one"
        return [warning("gpu", "no NVIDIA GPU is found here", fix)]
    names = ", ".join(dict.fromkeys(gpu.name for gpu in gpus))
    least = min(gpu.total for gpu in gpus) / 1024
    text = f"{counted(len(gpus), 'GPU')}: {names}, {least:.0f} GiB, driver {gpus[0].driver}"
    busy = [gpu for gpu in gpus if gpu.used > USED_SHARE * gpu.total]
    return [ok("gpu", text), *map(_busy, busy)]


def _busy(gpu: InstalledGpu) -> Finding:
    text = f"{gpu.used / 1024:.0f} of {gpu.total / 1024:.0f} GiB are in use"
    fix = "fine if it is the judge or the rollout server; else nvidia-smi names the process to stop"
    return warning(f"gpu {gpu.index}", text, fix)


def check_torch(gpus: list[InstalledGpu]) -> Finding:
    """Whether torch's build can use the GPUs that are there."""
    try:
        import torch
    except (ImportError, OSError) as error:
        text = f"cannot be imported: {str(error).splitlines()[0]}"
        return failed("cuda", text, "install torch anew, in the build for your CUDA driver")
    build = torch.version.cuda
    text = f"torch {torch.__version__}" + (f", built for CUDA {build}" if build else ", CPU build")
    if not gpus:
        return ok("cuda", text)
    if build is None:
        fix = "pip install --force-reinstall torch, from an index that has CUDA builds"
        return failed("cuda", f"{text}, and this machine has GPUs", fix)
    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not seen:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        hidden = f"CUDA_VISIBLE_DEVICES={visible!r} hides them" if visible is not None else ""
        text = f"{text}, sees no GPU{f': {hidden}' if hidden else ''}"
        fix = f"a torch for a driver as old as {gpus[0].driver}, or a newer driver"
        return failed("cuda", text, "unset CUDA_VISIBLE_DEVICES" if hidden else fix)
    return ok("cuda", f"{text}, sees {counted(seen, 'GPU')}")


def check_deepspeed(gpus: int) -> Finding:
    """The package that shares a full model's states among GPUs."""
    try:
        return ok("deepspeed", version("deepspeed"))
    except PackageNotFoundError:
        if gpus < 2:
            return ok("deepspeed", "not installed; several GPUs need it, one does not")
    fix = "pip install deepspeed, or DEEPSPEED=none for the run scripts (LoRA of a small model)"
    return failed("deepspeed", "not installed, and the run scripts pass --deepspeed zero3", fix)


def memory_gb() -> float | None:
    """What a process can still get here, a container's limit included; None: not known."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    return min(kib * 1024, _left_in_container()) / GB


def _left_in_container() -> float:
    try:
        folder = Path("/sys/fs/cgroup")
        limit = int((folder / "memory.max").read_text())
        return limit - int((folder / "memory.current").read_text())
    except (OSError, ValueError):  # no container, or no limit ("max")
        return float("inf")


def check_memory(available_gb: float | None, has_gpu: bool) -> Finding:
    """Memory of the machine: images, views, and what is moved out of the GPUs."""
    if available_gb is None:
        return ok("memory", "not known on this system")
    least = LEAST_MEMORY_GB if has_gpu else DEMO_MEMORY_GB
    text = f"{available_gb:.0f} GB are free"
    if available_gb >= least:
        return ok("memory", text)
    what = "the smallest run needs" if has_gpu else "the demo needs"
    fix = "stop what uses it, raise the container's limit, or lower DEEPEYES_PICTURE_CACHE_GB"
    return warning("memory", f"{text}, and {what} {least}", fix)


def _check_shared_memory(folder: Path, has_gpu: bool) -> list[Finding]:
    if not has_gpu or not folder.is_dir():
        return []
    size = shutil.disk_usage(folder).total / GB
    if size >= LEAST_SHARED_GB:
        return [ok("shared memory", f"{folder} has {size:.0f} GB")]
    text = f"{folder} has {size:.2f} GB; NCCL and data loaders end with a bus error there"
    return [failed("shared memory", text, "start the container with --shm-size 16g or --ipc host")]


def check_disk(folder: Path, free_gb: float, has_gpu: bool) -> Finding:
    """Room for data, checkpoints and the log of trajectories."""
    text = f"{free_gb:.0f} GB are free at {folder}"
    if free_gb >= (LEAST_DISK_GB if has_gpu else DEMO_MEMORY_GB):
        return ok("disk", text)
    fix = "--output_dir and DEEPEYES_LOG_DIR on a larger disk (7B: 17 GB of weights, 100 GB with "
    return warning("disk", text, fix + "the optimizer; --save_only_model true leaves that out)")

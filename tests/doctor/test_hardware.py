"""What the doctor says of GPUs, memory, disk and deepspeed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.doctor import hardware
from swift_deepeyes.doctor.finding import Health

TWO_GPUS = """0, NVIDIA H100 80GB HBM3, 81559, 1, 550.54.15
1, NVIDIA H100 80GB HBM3, 81559, 70012, 550.54.15
Unable to determine the device handle for GPU0000:5D:00.0
2, NVIDIA H100 80GB HBM3, [N/A], [N/A], 550.54.15
"""


def test_the_lines_of_nvidia_smi() -> None:
    gpus = hardware.read_gpus(TWO_GPUS)
    found, busy = hardware.check_gpus(gpus)
    assert found.text == "2 GPUs: NVIDIA H100 80GB HBM3, 80 GiB, driver 550.54.15"
    assert (busy.check, busy.text) == ("gpu 1", "68 of 80 GiB are in use")


def test_gpus_beside_a_cpu_build_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, "cuda", None)
    finding = hardware.check_torch(hardware.read_gpus(TWO_GPUS))
    assert finding.health is Health.FAILED and "CUDA builds" in finding.fix
    assert hardware.check_torch([]).health is Health.OK


def test_a_torch_that_sees_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "driver as old as 550.54.15" in hardware.check_torch(hardware.read_gpus(TWO_GPUS)).fix
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert hardware.check_torch(hardware.read_gpus(TWO_GPUS)).fix == "unset CUDA_VISIBLE_DEVICES"


@pytest.mark.parametrize(
    ("free", "has_gpu", "health"),
    [(9.0, False, Health.OK), (9.0, True, Health.WARNING), (100.0, True, Health.OK)],
)
def test_memory_and_disk(free: float, has_gpu: bool, health: Health, tmp_path: Path) -> None:
    assert hardware.check_memory(free, has_gpu).health is health
    assert hardware.check_disk(tmp_path, free, has_gpu).health is health


def test_several_gpus_need_deepspeed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise hardware.PackageNotFoundError(name)

    monkeypatch.setattr(hardware, "version", missing)
    assert hardware.check_deepspeed(1).health is Health.OK
    assert "pip install deepspeed" in hardware.check_deepspeed(8).fix


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine has a GPU")
def test_the_command_lists_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    output = CliRunner().invoke(app, ["doctor", "--no-judge", "--port", "0"]).output
    assert "warning  gpu: no NVIDIA GPU is found here" in output
    for check in ("cuda", "deepspeed", "memory", "disk"):
        assert f" {check}: " in output

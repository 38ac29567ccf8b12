"""RESUME: which checkpoint a training goes on from, and where; what is not whole is skipped."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.captured import SCRIPTS, recorded, run

STEPS = 80


def checkpoint(folder: Path, step: int, age: float = 0.0, kind: str = "full") -> Path:
    """A whole one, as transformers and ms-swift write it; `age` in seconds."""
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    if kind == "megatron":
        (path / f"iter_{step:07d}").mkdir()
        (path / "latest_checkpointed_iteration.txt").write_text(str(step))
        return path
    name = "adapter_model.safetensors" if kind == "lora" else "model.safetensors"
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(16)
    (path / name).write_bytes(content)
    state = path / "optimizer.pt"
    if kind == "deepspeed":
        (path / "latest").write_text(f"global_step{step}")
        (path / f"global_step{step}").mkdir()
        state = path / f"global_step{step}" / "zero_pp_rank_0_mp_rank_00_optim_states.pt"
    with zipfile.ZipFile(state, "w") as archive:
        archive.writestr("data", b"x")
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    for file in [path, *path.iterdir()]:
        os.utime(file, (1e9 - age, 1e9 - age))
    return path


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def train(tmp_path: Path, resume: str, script: str = "train_server.sh", **env: str) -> Any:
    output = str(tmp_path / "out")
    return recorded(SCRIPTS / script, tmp_path, RESUME=resume, OUTPUT=output, **env)


def value(call: Any, flag: str) -> str | None:
    return call.words[call.words.index(flag) + 1] if flag in call.words else None


@pytest.mark.parametrize("script", ["train_server.sh", "train_colocate.sh"])
def test_auto_takes_the_newest_and_goes_on_in_its_folder(tmp_path: Path, script: str) -> None:
    first, second = tmp_path / "out" / "v0-20261127", tmp_path / "out" / "v1-20261128"
    checkpoint(first, 48, age=900)
    checkpoint(second, 8, age=60)
    newest = checkpoint(second, 16, kind="deepspeed")
    call = train(tmp_path, "auto", script)
    assert value(call, "--resume_from_checkpoint") == str(newest)
    assert value(call, "--output_dir") == str(second)
    assert value(call, "--add_version") == "false"


def test_none_there_begins_anew_and_says_so(tmp_path: Path) -> None:
    env = {"RESUME": "auto", "OUTPUT": str(tmp_path / "out")}
    result = run(SCRIPTS / "train_server.sh", tmp_path, **env)
    assert result.returncode == 0
    assert "there is no whole checkpoint in" in result.stderr and "begins anew" in result.stderr
    call = train(tmp_path, "auto")
    assert value(call, "--resume_from_checkpoint") is value(call, "--add_version") is None
    assert value(train(tmp_path, ""), "--resume_from_checkpoint") is None


@pytest.mark.parametrize(
    ("kind", "harm", "said"),
    [
        ("full", "trainer_state.json", "trainer_state.json cannot be read"),
        ("full", "model.safetensors", "model.safetensors is missing or cut off"),
        ("lora", "adapter_model.safetensors", "adapter_model.safetensors is missing or cut off"),
        ("full", "optimizer.pt", "optimizer.pt, the optimizer's state, is missing or cut off"),
        ("deepspeed", "global_step16/zero_pp_rank_0_mp_rank_00_optim_states.pt", "optim_states.pt"),
    ],
)
def test_half_written_ones_are_skipped_with_a_word(
    tmp_path: Path, kind: str, harm: str, said: str
) -> None:
    whole = checkpoint(tmp_path / "out", 8, age=60)
    half = checkpoint(tmp_path / "out", 16, kind=kind)
    cut(half / harm)
    env = {"RESUME": "auto", "OUTPUT": str(tmp_path / "out")}
    result = run(SCRIPTS / "train_server.sh", tmp_path, **env)
    assert f"{half} is not whole and is skipped: " in result.stderr and said in result.stderr
    assert f"going on after step 8, from {whole}" in result.stderr
    explicit = run(SCRIPTS / "train_server.sh", tmp_path, **(env | {"RESUME": str(half)}))
    assert explicit.returncode == 1
    assert f"error: RESUME={half} is not a whole checkpoint: " in explicit.stderr


def test_shards_that_the_index_names_must_be_there(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "out", 8)
    shards = {"weight_map": {"w": "model.safetensors", "x": "model-00002-of-00002.safetensors"}}
    (path / "model.safetensors.index.json").write_text(json.dumps(shards))
    env = {"RESUME": "auto", "OUTPUT": str(tmp_path / "out")}
    result = run(SCRIPTS / "train_server.sh", tmp_path, **env)
    assert "model-00002-of-00002.safetensors is missing" in result.stderr


def test_an_earlier_one_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    """Its checkpoints would be written over later ones, which the user may want back."""
    earlier = checkpoint(tmp_path / "out" / "v0-1", 8, age=60)
    checkpoint(tmp_path / "out" / "v0-1", 16)
    call = train(tmp_path, str(earlier))
    assert value(call, "--resume_from_checkpoint") == str(earlier)
    assert value(call, "--output_dir") == str(tmp_path / "out")
    assert value(call, "--add_version") is None


def test_the_log_is_that_of_the_checkpoints_run(tmp_path: Path) -> None:
    """A run that was begun anew, and died before its first save, has the latest log."""
    output = tmp_path / "out"
    checkpoint(output / "v0-1", 8)
    for log, name in (("log", "v0-1"), ("log-2", "v1-2")):
        (output / log).mkdir()
        (output / log / "run.json").write_text(json.dumps({"name": name}))
    (output / "log-3").mkdir()
    assert train(tmp_path, "auto").env["DEEPEYES_LOG_DIR"] == str(output / "log")
    assert train(tmp_path, "").env["DEEPEYES_LOG_DIR"] == str(output / "log-4")
    (output / "log" / "run.json").write_text("cut off {")
    assert train(tmp_path, "auto").env["DEEPEYES_LOG_DIR"] == str(output / "log-3")


def test_a_finished_run_is_no_error_for_auto(tmp_path: Path) -> None:
    last = checkpoint(tmp_path / "out", STEPS)
    env = {"RESUME": "auto", "OUTPUT": str(tmp_path / "out")}
    result = run(SCRIPTS / "train_server.sh", tmp_path, **env)
    assert result.returncode == 0 and "the run is finished" in result.stderr
    assert not (tmp_path / "call.json").exists()
    assert value(train(tmp_path, "auto", STEPS="100"), "--resume_from_checkpoint") == str(last)


@pytest.mark.parametrize(
    ("tuner", "flag"), [("full", "--mcore_model"), ("lora", "--mcore_adapter")]
)
def test_megatron_has_flags_of_its_own(tmp_path: Path, tuner: str, flag: str) -> None:
    path = checkpoint(tmp_path / "out" / "v0-1", 8, kind="megatron")
    call = train(tmp_path, "auto", "train_megatron.sh", TUNER=tuner)
    assert (value(call, flag), value(call, "--finetune")) == (str(path), "false")
    assert value(call, "--resume_from_checkpoint") is None
    assert value(call, "--output_dir") == str(path.parent)
    (path / "latest_checkpointed_iteration.txt").write_text("9")
    assert value(train(tmp_path, "auto", "train_megatron.sh"), "--mcore_model") is None


def test_ray_gets_them_in_its_file(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "out", 8, kind="megatron")
    train(tmp_path, "auto", "train_ray.sh")
    written = (tmp_path / "out" / "ray.yaml").read_text()
    assert f"mcore_model: {path}\n" in written and "finetune: false\n" in written

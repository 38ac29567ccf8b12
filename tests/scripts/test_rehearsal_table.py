"""What a rehearsal changes in each script's commands: its table's flags, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.captured import ROOT, SCRIPTS

NAMES = sorted(path.stem for path in (SCRIPTS / "runs").glob("*.sh"))
NAMES += ["train_colocate", "train_server", "train_megatron", "train_ray"]


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `python scripts/rehearse.py` has it."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    for name in ("MAX_PIXELS", "NPROC_PER_NODE", "NNODES"):
        monkeypatch.delenv(name, raising=False)


def stage(name: str, folder: Path) -> Any:
    from rehearsal.script import all_scripts
    from rehearsal.stage import Options, Stage

    options = Options(toy=folder / "toy", steps=2, rows=8, fault="", seconds=1)
    return Stage(all_scripts()[name], folder, options)


def test_all_scripts_are_there() -> None:
    from rehearsal.script import all_scripts

    assert sorted(all_scripts()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_the_table_does_not_name_arrives_as_the_script_has_it(
    tmp_path: Path, name: str
) -> None:
    from rehearsal.checks import unchanged

    made = stage(name, tmp_path)
    problems = unchanged(made.shipped, made.recorded, made.given, made.scale)
    assert list(problems) == []
    train = made.recorded["train"]
    if train.program == "swift":
        assert train.flags["torch_dtype"] == ["float32"]
        assert train.flags["loss_scale"] == ["default"]
        assert int(train.flags["max_length"][0]) == made.scale.prompt < 8192


def test_a_flag_that_is_lost_or_changed_on_the_way_is_told(tmp_path: Path) -> None:
    from rehearsal.checks import unchanged

    made = stage("7b_1_node", tmp_path)
    train, rollout = made.recorded["train"], made.recorded["rollout"]
    at = train.words.index("--loss_scale")
    words = [*train.words[:at], *train.words[at + 2 :], "--beta", "0.1"]
    calls = {
        "train": replace(train, words=words),
        "rollout": replace(rollout, environment={**rollout.environment, "MAX_PIXELS": "784"}),
    }
    told = list(unchanged(made.shipped, calls, made.given, made.scale))
    assert told == [
        "train: --beta is ['0.1'], not ['0']",
        "train: --loss_scale is None, not ['default']",
        "rollout: MAX_PIXELS is 784, not 125440",
    ]


def test_a_limit_that_ignores_its_variable_is_told(tmp_path: Path) -> None:
    from rehearsal.checks import unchanged

    made = stage("3b_lora_1_gpu", tmp_path)
    train = made.recorded["train"]
    at = train.words.index("--max_length") + 1
    calls = {"train": replace(train, words=[*train.words[:at], "4096", *train.words[at + 1 :]])}
    told = list(unchanged(made.shipped, calls, made.given, made.scale))
    shipped = made.shipped["train"].flags["max_length"][0]
    assert told == [f"train: --max_length 4096 is not {shipped} / {made.scale.divisor}"]


def test_the_real_program_gets_the_command_as_it_is(tmp_path: Path) -> None:
    """Through the shim, not only past it."""
    from rehearsal.script import Shims

    shims = Shims(tmp_path / "calls")
    printer = tmp_path / "printer"
    printer.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:])\n")
    printer.chmod(0o755)
    plan = shims.plan("one", {"swift": str(printer)})
    words = ["rlhf", "--a", "two words", "--b", "x", "y", "--d", "{}"]
    command = ["swift", *words]
    done = subprocess.run(command, env=dict(os.environ) | plan, capture_output=True, text=True)
    assert done.stdout.strip() == str(words), done.stderr
    assert [call.words for call in shims.calls("one")] == [words]

"""Runs a script with stand-ins for the commands that it starts, and keeps what they were given."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import subprocess
from collections.abc import Sequence
from itertools import dropwhile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from swift.arguments import DeployArguments, RLHFArguments, RolloutArguments
from swift.rlhf_trainers.args_mixin import RolloutTrainerArgumentsMixin
from swift.utils import parse_args

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
PLUGIN = ROOT / "swift_deepeyes/plugin/deepeyes_plugin.py"
CLASSES = {"deploy": DeployArguments, "rollout": RolloutArguments, "rlhf": RLHFArguments}
RECORDER = """#!/usr/bin/env python
import json, os, sys
json.dump([sys.argv, dict(os.environ)], open(os.environ["CALL"], "w"))
"""


@dataclasses.dataclass
class Call:
    """A captured command; `args` are its parsed arguments where ms-swift's classes were asked."""

    program: str
    words: list[str]
    env: dict[str, str]
    args: Any = None

    @property
    def command(self) -> str:
        return self.words[0]

    @property
    def gpus(self) -> int:
        """Of the whole training run, as torchrun will have them."""
        return int(self.env["NPROC_PER_NODE"]) * int(self.env["NNODES"])


def stand_in(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


def run(script: Path, tmp_path: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The script, from another folder, with the stand-ins of `tmp_path/bin` first on the path."""
    ours = ("DEEPEYES_", "CUDA_VISIBLE")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    for program in ("swift", "megatron", "ray"):
        stand_in(tmp_path / "bin", program, RECORDER)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", str(script), *words],
        env=clean
        | {"PATH": path, "CALL": str(tmp_path / "call.json")}
        | {"OUTPUT": str(tmp_path / "output")}
        | env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )


def recorded(script: Path, tmp_path: Path, *words: str, **env: str) -> Call:
    """What the script runs."""
    result = run(script, tmp_path, *words, **env)
    assert result.returncode == 0, result.stderr
    (program, *argv), environment = json.loads((tmp_path / "call.json").read_text())
    own = argv[: -len(passed)] if (passed := _passed(words)) else argv
    assert argv == [*own, *passed]
    flags = [word for word in own if word.startswith("--")]
    assert len(flags) == len(set(flags))
    return Call(Path(program).name, argv, environment)


def _passed(words: Sequence[str]) -> list[str]:
    """What the command must get from the user: everything from the first flag on."""
    return list(dropwhile(lambda word: not word.startswith("--"), words))


def captured(script: Path, tmp_path: Path, *words: str, **env: str) -> Call:
    """What the script runs, a `swift` command parsed by ms-swift's own classes."""
    call = recorded(script, tmp_path, *words, **env)
    if call.program == "swift":
        cls = CLASSES[call.command]
        call.args, unknown = parse_args(cls, call.words[1:])
        assert unknown == []
        # argparse would also take the beginning of a flag's name.
        names = {f"--{field.name}" for field in dataclasses.fields(cls)}
        assert {word for word in call.words if word.startswith("--")} <= names
    return call


def update_size(call: Call) -> int:
    """Trajectories of one update; ms-swift's own arithmetic raises where the sizes do not fit."""
    args = call.args
    per_step = call.gpus * args.per_device_train_batch_size
    assert args.gradient_accumulation_steps % args.steps_per_generation == 0
    # Without a validation set ms-swift does not evaluate.
    evaluation = {"eval_strategy": args.eval_strategy or "no"}
    sizes = SimpleNamespace(**vars(args) | evaluation, world_size=call.gpus)
    RolloutTrainerArgumentsMixin._init_generation_batch_params(sizes)
    assert sizes.generation_batch_size == per_step * args.steps_per_generation
    return per_step * args.gradient_accumulation_steps

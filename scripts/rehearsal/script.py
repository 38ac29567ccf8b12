"""The scripts that are rehearsed, their roles, and what each role starts as it is shipped."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from swift_deepeyes.errors import DeepEyesError

SCRIPTS = Path(__file__).resolve().parents[1]
SHIM = Path(__file__).with_name("shim.py")
PROGRAMS = ("swift", "megatron", "ray")

_ALONE = {
    "train_colocate": {"judge": "deploy_judge.sh", "train": "train_colocate.sh"},
    "train_server": {
        "judge": "deploy_judge.sh",
        "rollout": "rollout.sh",
        "train": "train_server.sh",
    },
    "train_megatron": {"rollout": "rollout.sh", "train": "train_megatron.sh"},
    "train_ray": {"train": "train_ray.sh"},
}
"""Scripts that also work by themselves, with what they need beside them."""

_TWO_SERVERS = {"7b_n_nodes"}
"""Runs whose point is that there are several servers of a kind."""


class ScriptFailedError(DeepEyesError):
    """A script ended before it started anything."""


@dataclass(frozen=True)
class Call:
    """One command that a script started; `config`: the text of its configuration file."""

    program: str
    words: list[str]
    environment: Mapping[str, str]
    config: str | None = None

    @property
    def flags(self) -> dict[str, list[str]]:
        """The values of each flag."""
        return flags_of(self.words)

    @property
    def settings(self) -> dict[str, list[str]]:
        """The flags, or for Ray's pipeline what is in the configuration that the script wrote."""
        if self.config is None:
            return self.flags
        values: dict[str, list[str]] = {}
        for name, value in yaml.safe_load(self.config).items():
            of = value if isinstance(value, dict) else {"": value}
            for inner, one in of.items():
                values[f"{name}.{inner}".rstrip(".")] = [str(one)]
        return values


@dataclass(frozen=True)
class Script:
    """A run of `scripts/runs`, or a script that works by itself. `roles`: name and script."""

    name: str
    run: Path | None
    roles: Mapping[str, str]

    @property
    def servers(self) -> list[str]:
        """The roles that stay while the training comes and goes."""
        return [role for role in ("judge", "rollout") if role in self.roles]

    @property
    def trainer(self) -> str:
        """What trains: `colocate`, `server`, `megatron` or `ray`."""
        return self.roles["train"].removeprefix("train_").removesuffix(".sh")

    @property
    def hosts(self) -> list[str]:
        """Addresses of the servers of each kind; all of 127.0.0.0/8 is this machine."""
        return ["127.0.0.1", "127.0.0.2"] if self.name in _TWO_SERVERS else ["127.0.0.1"]

    def command(self, role: str, *more: str) -> list[str]:
        """What a user types."""
        if self.run is not None:
            return ["bash", str(self.run), role, *more]
        return ["bash", str(SCRIPTS / self.roles[role]), *more]


def all_scripts() -> dict[str, Script]:
    """By name."""
    found = {}
    for run in sorted((SCRIPTS / "runs").glob("*.sh")):
        roles = dict(re.findall(r"(\w+)=(\w+\.sh)", run.read_text()))
        found[run.stem] = Script(run.stem, run, roles)
    found |= {name: Script(name, None, roles) for name, roles in _ALONE.items()}
    return found


def flags_of(words: list[str]) -> dict[str, list[str]]:
    """The values of each flag; where one comes twice, the last, as argparse takes it."""
    flags: dict[str, list[str]] = {}
    values: list[str] = []
    for word in words:
        if word.startswith("--"):
            values = flags[word.removeprefix("--")] = []
        else:
            values.append(word)
    return flags


class Shims:
    """The folder that comes first on PATH, and what was called through it."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self._folder = folder
        self.bin.mkdir(parents=True, exist_ok=True)
        for program in PROGRAMS:
            link = self.bin / program
            link.unlink(missing_ok=True)
            link.symlink_to(SHIM)

    def plan(self, name: str, programs: Mapping[str, str]) -> dict[str, str]:
        """The environment of a command whose calls are kept under this name."""
        plan = self._folder / f"{name}.plan.json"
        written = self._written(name)
        written.unlink(missing_ok=True)
        plan.write_text(json.dumps({"written": str(written), "programs": dict(programs)}))
        folders = [str(self.bin), str(Path(sys.executable).parent), os.environ["PATH"]]
        return {"REHEARSAL_CALL": str(plan), "PATH": os.pathsep.join(folders)}

    def calls(self, name: str) -> list[Call]:
        """What was started, in order."""
        written = self._written(name)
        lines = written.read_text().splitlines() if written.exists() else []
        return [Call(**json.loads(line)) for line in lines]

    def record(self, name: str, command: list[str], environment: Mapping[str, str]) -> Call:
        """What a command would start. Raises `ScriptFailedError` where it starts nothing."""
        plan = self.plan(name, {})
        environment = dict(os.environ) | plan | dict(environment)
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        calls = self.calls(name)
        if result.returncode != 0 or not calls:
            raise ScriptFailedError(f"{' '.join(command)} started nothing: {result.stderr}")
        return calls[-1]

    def _written(self, name: str) -> Path:
        return self._folder / f"{name}.calls.jsonl"


def forget_settings() -> None:
    """Take settings out of this process's environment: the scripts' own values are meant."""
    ours = ("DEEPEYES_", "CUDA_VISIBLE", "LLM_AS_A_JUDGE", "REHEARSAL_")
    for name in [name for name in os.environ if name.startswith(ours)]:
        del os.environ[name]

"""A script on this machine: its folder, addresses and size, and how its commands are started."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rehearsal.rows import FILES, INFO, PREFIX, Rows, write_rows
from rehearsal.scale import Scale, scale_of
from rehearsal.script import Call, Script, Shims
from rehearsal.table import Flags, arguments
from swift_deepeyes.demo import commands
from swift_deepeyes.demo.processes import CommandProcess, free_port

_PLUGIN = Path(__file__).with_name("plugin") / "rehearsal_plugin.py"


@dataclass(frozen=True)
class Options:
    """What the user of the rehearsal chose. `seconds`: for each wait."""

    toy: Path
    steps: int
    rows: int
    fault: str
    seconds: float


@dataclass(frozen=True)
class Stage:
    """Everything of one script lies in `folder`."""

    script: Script
    folder: Path
    options: Options
    ports: Mapping[str, int] = field(
        default_factory=lambda: {name: free_port() for name in ("judge", "rollout")}
    )

    @cached_property
    def shims(self) -> Shims:
        """What stands before the real programs."""
        return Shims(self.folder / "calls")

    @property
    def output(self) -> Path:
        """`OUTPUT` of the script."""
        return self.folder / "output"

    @property
    def data(self) -> Path:
        """The folder of the rows."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The trajectory log, where the scripts put it."""
        return self.output / "log"

    @property
    def addresses(self) -> dict[str, str]:
        """What users of several machines set."""
        hosts = " ".join(self.script.hosts)
        return {
            "JUDGE_HOST": hosts,
            "ROLLOUT_HOST": hosts,
            "JUDGE_PORT": str(self.ports["judge"]),
            "ROLLOUT_PORT": str(self.ports["rollout"]),
            "MASTER_ADDR": "127.0.0.1",
            "NODE_RANK": "0",
            "OUTPUT": str(self.output),
        }

    @cached_property
    def shipped(self) -> dict[str, Call]:
        """What each role starts as it is shipped."""
        return {
            role: self.shims.record(f"{role}.shipped", self.script.command(role), self.addresses)
            for role in self.script.roles
        }

    @cached_property
    def recorded(self) -> dict[str, Call]:
        """What each role starts in the rehearsal, for a look without starting it."""
        return {
            role: self.shims.record(f"{role}.recorded", self.command(role), self.settings)
            for role in self.script.roles
        }

    @cached_property
    def scale(self) -> Scale:
        """How large the rehearsal is."""
        return scale_of(self.script, self.shipped)

    @cached_property
    def rows(self) -> Rows:
        """The data, at the limits."""
        self.data.mkdir(parents=True, exist_ok=True)
        return write_rows(self.data, self.options.toy, self.scale, self.options.rows)

    @cached_property
    def given(self) -> dict[str, Flags]:
        """The arguments of each role that starts `swift`, by flag."""
        to_servers = self.script.hosts if self.script.trainer == "server" else []
        ports = [free_port() for _ in to_servers]
        plugins = [str(commands.TOY_PLUGIN), str(_PLUGIN)]
        return {
            role: arguments(call.words[0], call.flags, plugins, ports)
            for role, call in self.shipped.items()
            if call.program == "swift"
        }

    def command(self, role: str) -> list[str]:
        """What is typed here, with the arguments."""
        flags = self.given.get(role, {})
        words = [word for name, values in flags.items() for word in (f"--{name}", *values)]
        return [*self.script.command(role), *words]

    @cached_property
    def settings(self) -> dict[str, str]:
        """The variables of every role."""
        scale = self.scale
        policy = {"view": scale.view, "full_turn": scale.full_turn, "turn": scale.turn}
        toy = str(self.options.toy)
        return {
            **self.addresses,
            **scale.settings(self.options.steps),
            "MODEL": toy,
            "JUDGE_MODEL": toy,
            "DATASETS": " ".join(PREFIX + name for name in FILES),
            "DATASET_INFO": str(self.data / INFO),
            "REHEARSAL_POLICY": json.dumps(policy),
            "REHEARSAL_FAULT": self.options.fault,
        }

    def start(self, role: str, name: str, **settings: str) -> CommandProcess:
        """Start a role; its log and its calls are kept under `name`."""
        swift = str(Path(sys.executable).parent / "swift")
        environment = {"MASTER_PORT": str(free_port())} | self.settings | settings
        environment |= self.shims.plan(name, {"swift": swift})
        return CommandProcess(self.command(role), self.folder / f"{name}.log", environment)

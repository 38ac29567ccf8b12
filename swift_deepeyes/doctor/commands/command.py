"""One command of ms-swift: its role, its flags and its environment, as ms-swift would read them.

ms-swift's own classes are not asked: importing them takes seconds, and they look at the machine and
load the model's config. Only flags that a check knows are read, by the names of those classes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any

from swift_deepeyes.frozen import FrozenModel

SCHEDULER = "deepeyes_scheduler"
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
"""What transformers' argument parser takes for true."""


class Role(StrEnum):
    """Which of ms-swift's commands it is."""

    RLHF = "rlhf"
    ROLLOUT = "rollout"


class Command(FrozenModel):
    """A command that is to be run, runs, or was run.

    `flags`: values by name without dashes, the last of several. `environment`: None where nobody
    knows it (a saved `args.json`). `is_megatron`: `megatron rlhf`. `source` says in findings which
    command is meant.
    """

    role: Role
    flags: Mapping[str, tuple[str, ...]]
    environment: Mapping[str, str] | None
    source: str
    is_megatron: bool = False

    def __str__(self) -> str:
        """As a finding names it."""
        return f"{'megatron' if self.is_megatron else 'swift'} {self.role} ({self.source})"

    def text(self, flag: str, default: str = "") -> str:
        """The value of a flag that takes one."""
        return " ".join(self.flags.get(flag, ())) or default

    def is_on(self, flag: str) -> bool:
        """Whether a switch that is off by itself was turned on; alone it means true."""
        return flag in self.flags and self.text(flag, "true").lower() in _TRUE

    def number(self, flag: str) -> float | None:
        """A number; None where it is not given. ms-swift refuses other texts by itself."""
        with suppress(ValueError):
            return float(self.text(flag))
        return None

    def variable(self, name: str) -> str:
        """A variable of its environment; empty where it is not set, or not known."""
        return (self.environment or {}).get(name, "").strip()

    def count(self, name: str, default: int = 1) -> int:
        """A whole number from its environment."""
        value = self.variable(name)
        return int(value) if value.isdigit() and int(value) else default

    @property
    def is_colocate(self) -> bool:
        """Whether the trainer generates on its own GPUs."""
        return self.role is Role.RLHF and self.is_on("use_vllm") and not self.is_server_mode

    @property
    def is_server_mode(self) -> bool:
        """Whether the trainer asks rollout servers."""
        return self.role is Role.RLHF and self.text("vllm_mode") == "server"

    @property
    def has_our_plugin(self) -> bool:
        """Whether it loads our plugin, by its file's name or by our scheduler's."""
        files = self.text("external_plugins")
        named = "deepeyes_plugin" in files or "plugin-path" in files
        return named or self.text("multi_turn_scheduler") == SCHEDULER


def read_flags(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Flags and their values, as argparse splits them: `--name value…` or `--name=value`."""
    flags: dict[str, tuple[str, ...]] = {}
    name = ""
    for word in words:
        if re.match(r"--[A-Za-z]", word):
            name, has_value, value = word[2:].partition("=")
            name = name.replace("-", "_")
            flags[name] = (value,) if has_value else ()
        elif name:
            flags[name] += (word,)
    return flags


def flags_of_saved(saved: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The same of a checkpoint's or a run's `args.json`; what is null was not set."""
    return {name: _texts(value) for name, value in saved.items() if value is not None}


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(text for one in value for text in _texts(one))
    if isinstance(value, str):
        return (value,)
    return (json.dumps(value),)  # true, 1e-06, {"image": 32}

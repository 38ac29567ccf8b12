"""How two commands' templates begin turns and keep thoughts; and models that must think.

In server mode the server's template makes the prompt that is generated from, and the trainer's the
one that is trained on; ms-swift compares neither. Qwen3.5's default is a prompt that ends in an
empty thought. Qwen3-VL's Thinking models have ms-swift's template of the Instruct ones, which opens
no thought.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from swift_deepeyes.doctor.commands.command import Command, Role
from swift_deepeyes.doctor.finding import Finding, failed, ok, warning

CHECK = "template"
THINK, PRESERVE, PREFIX = "enable_thinking", "preserve_thinking", "response_prefix"
COMPARED = (THINK, PRESERVE, PREFIX, "template", "agent_template", "norm_bbox", "system")
"""Flags that must say the same on both sides."""
FRAME, STYLE = "DEEPEYES_BBOX_FORMAT", "DEEPEYES_PROMPT"

_SWITCHES = frozenset({THINK, PRESERVE})
# Qwen3.6 and Qwen3.8 have Qwen3.5's classes and its prefixes.
_HYBRID = re.compile(r"qwen[-_]?3[._]?[568](?:$|[^0-9b])", re.IGNORECASE)
_THINKING = re.compile(r"qwen3[-_]?vl.*thinking", re.IGNORECASE)
_FIX = f"--{THINK} true (ENABLE_THINKING=true for our scripts)"


def check_thinking(commands: Sequence[Command]) -> list[Finding]:
    """What every command's model needs, and what a trainer and its servers must agree on."""
    trainers = [one for one in commands if one.role is Role.RLHF and one.is_server_mode]
    servers = [one for one in commands if one.role is Role.ROLLOUT]
    findings = [finding for one in commands for finding in _check_model(one)]
    findings += [
        finding
        for trainer in trainers
        for server in servers
        for finding in _compare(trainer, server)
    ]
    both = [*trainers, *servers]
    if findings or not (trainers and servers) or not any(map(_is_thinking, both)):
        return findings
    return [ok(CHECK, "trainer and rollout server begin turns and keep thoughts alike")]


def _is_thinking(command: Command) -> bool:
    """Whether thoughts are a matter at all: by the model, or by what is said of them."""
    named = _named(command)
    is_told = {THINK, PRESERVE, PREFIX} & command.flags.keys()
    return bool(is_told or _HYBRID.search(named) or _THINKING.search(named))


def _check_model(command: Command) -> Iterator[Finding]:
    named = _named(command)
    is_hybrid = bool(_HYBRID.search(named))
    if not is_hybrid and not _THINKING.search(named):
        return
    if not {THINK, PREFIX} & command.flags.keys():
        what = (
            "prompts of this family end in an empty thought, so no turn can think, and little is "
            "learned without an error"
            if is_hybrid
            else "ms-swift's template opens no thought, as this model's own does"
        )
        yield warning(CHECK, f"{command}: {what}", _FIX)
    elif PRESERVE in command.flags and not command.is_on(PRESERVE):
        text = f"{command}: --{PRESERVE} false drops thoughts that were sampled and are trained on"
        yield warning(CHECK, text, f"--{PRESERVE} true")


def _named(command: Command) -> str:
    """Everything that says which family it is: names, or a folder's own word."""
    names = [command.text(flag) for flag in ("model", "model_type", "template")]
    with suppress(OSError, ValueError, AttributeError):
        config = json.loads((Path(names[0]) / "config.json").read_text("utf-8"))
        names.append(str(config.get("model_type")))
    return " ".join(names)


def _compare(trainer: Command, server: Command) -> Iterator[Finding]:
    for flag in COMPARED:
        ours, theirs = _value(trainer, flag), _value(server, flag)
        if ours != theirs:
            text = f"--{flag}: {trainer} has {ours or 'none'} and {server} has {theirs or 'none'}"
            yield failed(CHECK, f"{text}: other prompts are trained on", "the same for both")
    if None in (trainer.environment, server.environment) or trainer.variable(STYLE) != "family":
        return
    formats = [side.variable(FRAME) or "auto" for side in (trainer, server)]
    if formats[0] != formats[1]:
        text = f"{FRAME}: {trainer} has {formats[0]} and {server} has {formats[1]}"
        yield failed(CHECK, f"{text}: prompts say another frame than is read", "the same for both")


def _value(command: Command, flag: str) -> str:
    if flag in _SWITCHES and flag in command.flags:
        return str(command.is_on(flag)).lower()
    return command.text(flag)

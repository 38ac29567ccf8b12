"""Pixel limits of two commands: the trainer must encode the images that were generated from.

A row's own `chat_template_kwargs` need no look: they travel with the request to the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from swift_deepeyes.doctor.commands.command import Command, Role
from swift_deepeyes.doctor.finding import Finding, failed, ok, warning

CHECK = "pixel limits"
VARIABLES = (
    "MAX_PIXELS",
    "MIN_PIXELS",
    "IMAGE_MAX_TOKEN_NUM",
    "IMAGE_MIN_TOKEN_NUM",
    "IMAGE_FACTOR",
    "SPATIAL_MERGE_SIZE",
    "MAX_RATIO",
)
"""What ms-swift reads of the environment for a Qwen model's images (swift/model/models/qwen.py)."""
FLAG = "max_pixels"

_FIX = "set the same for both; scripts/common.sh has one MAX_PIXELS for all scripts"


def check_pixels(commands: Sequence[Command]) -> list[Finding]:
    """Each rollout server's limits against each trainer's."""
    trainers = [one for one in commands if one.role is Role.RLHF and one.is_server_mode]
    servers = [one for one in commands if one.role is Role.ROLLOUT]
    if bool(servers) != bool(trainers):
        missing = "rollout" if trainers else "rlhf"
        fix = f"pass the command of `swift {missing}` too: MAX_PIXELS must be the same for both"
        return [warning(CHECK, f"not compared: {(trainers + servers)[0]} is alone", fix)]
    return [
        finding
        for trainer in trainers
        for server in servers
        for finding in _compare(trainer, server)
    ]


def limits(command: Command) -> dict[str, str]:
    """Everything that decides the size in which the model sees an image, as it is written."""
    given = {name: command.variable(name) for name in VARIABLES}
    given[f"--{FLAG}"] = command.text(FLAG)
    return {name: value for name, value in given.items() if value}


def _compare(trainer: Command, server: Command) -> Iterator[Finding]:
    sides = (trainer, server)
    if unknown := [side for side in sides if side.environment is None]:
        text = f"{unknown[0]} does not tell its environment, so MAX_PIXELS is not compared"
        yield warning(CHECK, text, "pass its command as it is typed, or --running while it runs")
        return
    one, other = (limits(side) for side in sides)
    names = [name for name in (*one, *other) if one.get(name) != other.get(name)]
    if not names:
        told = ", ".join(f"{name}={value}" for name, value in one.items()) or "none set"
        yield ok(CHECK, f"the same for trainer and rollout server: {told}")
        return
    for name in dict.fromkeys(names):
        ours, theirs = (found.get(name, "none") for found in (one, other))
        text = f"{name}: {trainer} has {ours} and {server} has {theirs}"
        yield failed(CHECK, text, _FIX)

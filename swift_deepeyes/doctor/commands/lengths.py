"""`--max_length` and the conversation that grows past it.

It is meant for prompts. In colocate mode the engine's template is a copy of the trainer's and
checks every turn's whole conversation against it; our plugin lifts it there for later turns
(`ms_swift.limits`), but not under Ray, whose engines live in processes without plugins: there our
scheduler ends episodes before it. Nothing lifts it for a prompt itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from swift_deepeyes.doctor.commands.command import Command, Role
from swift_deepeyes.doctor.finding import Finding, failed, ok, warning

CHECK = "max_length"
FLAG = "max_length"
CONTEXT = "vllm_max_model_len"
STRATEGY = "truncation_strategy"


def check_lengths(commands: Sequence[Command]) -> list[Finding]:
    """The trainers' limits, and those of the servers that they ask."""
    trainers = [one for one in commands if one.role is Role.RLHF]
    servers = [one for one in commands if one.role is Role.ROLLOUT]
    findings = [finding for one in trainers for finding in _check_trainer(one)]
    findings += [finding for one in servers for finding in _check_server(one, trainers)]
    return findings


def conversation_limit(command: Command) -> float | None:
    """Tokens that a conversation may have in the engine, as far as the command says."""
    given = command.number(CONTEXT), command.variable("DEEPEYES_MAX_CONTEXT")
    numbers = [given[0], float(given[1]) if given[1].isdigit() else None]
    return min((number for number in numbers if number), default=None)


def _check_trainer(command: Command) -> Iterator[Finding]:
    if command.text(STRATEGY) == "left":
        text = f"{command}: a prompt over --{FLAG} reaches the engine cut, without its question"
        yield warning(CHECK, text, f"--{STRATEGY} delete replaces such prompts")
    generates = command.is_colocate or command.is_on("use_ray")
    if not generates or not _is_exceeded(command):
        return
    most = f"{command.number(FLAG):,.0f}"
    context = conversation_limit(command)
    larger = f"--{FLAG} {context:.0f}" if context else f"a larger --{FLAG}"
    if command.is_on("use_ray"):
        text = (
            f"{command}: under Ray --{FLAG} bounds whole conversations; they end at {most} tokens"
        )
        yield warning(CHECK, text, f"{larger}, as scripts/train_ray.sh has it")
    elif command.has_our_plugin:
        yield ok(CHECK, f"{command}: {most} tokens bound prompts only; the plugin sees to that")
    else:
        text = (
            f"{command}: without our plugin the first conversation over {most} tokens ends the run "
            "with a MaxLengthError, or is cut"
        )
        yield failed(
            CHECK, text, f'--external_plugins "$(swift-deepeyes plugin-path)", or {larger}'
        )


def _is_exceeded(command: Command) -> bool:
    most, context = command.number(FLAG), conversation_limit(command)
    return most is not None and (context is None or most < context)


def _check_server(server: Command, trainers: Sequence[Command]) -> Iterator[Finding]:
    """A prompt that the trainer lets through and the server refuses ends the run."""
    most = server.number(FLAG)
    if most is None:
        return
    for trainer in trainers:
        passed = trainer.number(FLAG)
        if trainer.is_server_mode and (passed is None or passed > most):
            theirs = "none" if passed is None else f"{passed:.0f}"
            text = (
                f"{server} has --{FLAG} {most:.0f} and {trainer} has {theirs}: a prompt between "
                "them is refused there, which ends the run, or cut"
            )
            yield failed(CHECK, text, f"leave --{FLAG} out for swift rollout")

"""Conditions of the importance-sampling correction between rollout engine and trainer.

The engine hands over the log-probabilities after its own processing: of a distribution cut by
`top_p` and `top_k` they are too high, and penalties shift them. The trainer's are of the whole
distribution, by temperature alone (ms-swift #8442).
"""

from __future__ import annotations

from packaging.version import Version

from swift_deepeyes.doctor.commands.command import Command, Role
from swift_deepeyes.doctor.finding import Finding, failed, ok

CHECK = "importance sampling"
MODE = "rollout_importance_sampling_mode"
METRICS = "log_rollout_offpolicy_metrics"
PLAIN_DEFAULTS = Version("4.0.3")
"""Since then ms-swift samples from the whole distribution by itself; before, 0.9 and 50."""

_OLD_DEFAULTS = {"top_p": 0.9, "top_k": 50.0}


def check_sampling(command: Command, ms_swift: Version) -> list[Finding]:
    """Whether the correction compares like with like; nothing where it is not asked for."""
    mode = command.text(MODE)
    if command.role is not Role.RLHF or not (mode or command.is_on(METRICS)):
        return []
    told = f"--{MODE} {mode}" if mode else f"--{METRICS}"
    wrong = wrong_flags(command, ms_swift)
    if not wrong:
        return [ok(CHECK, f"{told}: the whole distribution is sampled from")]
    found = ", ".join(f"--{name} {value:g}" for name, value in wrong.items())
    text = (
        f"{command}: {told} with {found}: the engine's log-probabilities are of another "
        "distribution than the trainer's, so every weight is wrong (ms-swift #8442)"
    )
    right = {
        "top_p": "--top_p 1",
        "top_k": "--top_k -1",
        "repetition_penalty": "--repetition_penalty 1",
    }
    return [failed(CHECK, text, " ".join(right[name] for name in wrong))]


def wrong_flags(command: Command, ms_swift: Version) -> dict[str, float]:
    """The flags, by name, that make the engine's distribution another; defaults included."""
    defaults = _OLD_DEFAULTS if ms_swift < PLAIN_DEFAULTS else {}
    values = {
        name: command.number(name) if command.text(name) else defaults.get(name)
        for name in ("top_p", "top_k", "repetition_penalty")
    }
    is_wrong = {
        "top_p": lambda value: value < 1,
        "top_k": lambda value: value > 0,
        "repetition_penalty": lambda value: value != 1,
    }
    return {n: v for n, v in values.items() if v is not None and is_wrong[n](v)}

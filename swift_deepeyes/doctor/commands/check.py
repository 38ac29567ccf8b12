"""All checks of the commands of a run, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from swift_deepeyes.doctor.commands.command import Command
from swift_deepeyes.doctor.commands.lengths import check_lengths
from swift_deepeyes.doctor.commands.lora import check_lora
from swift_deepeyes.doctor.commands.pixels import check_pixels
from swift_deepeyes.doctor.commands.processes import running_commands
from swift_deepeyes.doctor.commands.sampling import check_sampling
from swift_deepeyes.doctor.commands.source import CommandTextError, read_source
from swift_deepeyes.doctor.commands.thinking import check_thinking
from swift_deepeyes.doctor.commands.waiting import STEP_TIME, check_waiting
from swift_deepeyes.doctor.finding import Finding, failed, ok, skipped
from swift_deepeyes.doctor.hardware import find_gpus
from swift_deepeyes.doctor.tried import ms_swift_version
from swift_deepeyes.record.reader import read_metrics
from swift_deepeyes.record.record import METRICS_FILE

CHECK = "commands"
HOW = (
    'pass --command "$(bash scripts/train_server.sh --dry-run)" --command "$(bash '
    "scripts/rollout.sh --dry-run)\", any command line or a run's args.json; or --running"
)


def check_commands(values: Sequence[str], *, running: bool, log: Path | None) -> list[Finding]:
    """Read the commands and look at them. `values`: as given to --command; `log`: to --log."""
    commands, findings = _read(values)
    if running:
        commands += running_commands()
        if not commands:
            fix = "start it, or pass --command; another user's processes are not seen"
            findings.append(failed(CHECK, "no `swift rlhf` or `swift rollout` runs here", fix))
    if not commands:
        return findings or [skipped(CHECK, HOW)]
    ms_swift = ms_swift_version()
    return [
        *findings,
        *([] if log is None else _check_log(log)),
        ok(CHECK, "; ".join(map(str, commands))),
        *check_pixels(commands),
        *check_thinking(commands),
        *check_lengths(commands),
        *(finding for one in commands for finding in check_sampling(one, ms_swift)),
        *check_lora(commands, ms_swift),
        *check_waiting(commands, find_gpus(), log),
    ]


def _check_log(log: Path) -> list[Finding]:
    if any(STEP_TIME in line.values for line in read_metrics(log).items):
        return []
    fix = "pass a run's DEEPEYES_LOG_DIR, after its first step"
    return [failed("log", f"no step's time is in {log / METRICS_FILE}", fix)]


def _read(values: Sequence[str]) -> tuple[list[Command], list[Finding]]:
    commands: list[Command] = []
    findings = []
    for value in values:
        try:
            commands += read_source(value)
        except (CommandTextError, OSError) as error:
            findings.append(failed(CHECK, str(error), "correct what is passed to --command"))
    return commands, findings

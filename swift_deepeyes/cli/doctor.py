"""`swift-deepeyes doctor`: runs the checks that its options allow and prints the findings.

Part of the command line (cli.py only registers it), so it prints.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swift_deepeyes.cli.command import option

if TYPE_CHECKING:
    from swift_deepeyes.doctor.finding import Finding
    from swift_deepeyes.judge.check import CaseReport, JudgeCase
    from swift_deepeyes.scoring.verdict import Verdict
    from swift_deepeyes.settings import Settings

NOT_HEALTHY = 1
MACHINE, JUDGE, DATA, ROLLOUT = "Machine", "Judge", "Data and plugins", "Model and rollout server"
COMMANDS = "Commands of a run"
AS_TRAINED = "As for swift rlhf."


def doctor(
    judge: Annotated[bool, option(JUDGE, "Check the judge.", None)] = True,
    judge_cases: Annotated[
        bool,
        typer.Option(
            "--judge-cases",
            help="Put 491 labelled answers to the judge, only that.",
            rich_help_panel=JUDGE,
        ),
    ] = False,
    dataset: Annotated[
        list[Path] | None,
        option(DATA, "Parquet files: columns, and a sample of rows. Repeatable.", "FILE"),
    ] = None,
    rollout: Annotated[
        str | None, option(ROLLOUT, "The server, e.g. http://127.0.0.1:18902", "URL")
    ] = None,
    model: Annotated[
        str | None,
        option(ROLLOUT, "The policy: how it sees images, and whether the server agrees.", "NAME"),
    ] = None,
    model_type: Annotated[str | None, option(ROLLOUT, AS_TRAINED, "NAME")] = None,
    template: Annotated[str | None, option(ROLLOUT, AS_TRAINED, "NAME")] = None,
    max_pixels: Annotated[int | None, option(ROLLOUT, AS_TRAINED)] = None,
    external_plugins: Annotated[
        list[Path] | None,
        option(DATA, "Models, templates or tools of yours, as for swift rlhf. Repeatable.", "FILE"),
    ] = None,
    port: Annotated[
        list[int] | None, option(MACHINE, "Ports to look at. Repeatable.", "PORT")
    ] = None,
    command: Annotated[
        list[str] | None,
        option(
            COMMANDS,
            "What is to be run: a command line, a script's --dry-run, or an args.json. Repeatable.",
            "TEXT|FILE",
        ),
    ] = None,
    running: Annotated[
        bool,
        typer.Option("--running", help="The commands that run here.", rich_help_panel=COMMANDS),
    ] = False,
    log: Annotated[
        Path | None,
        option(COMMANDS, "DEEPEYES_LOG_DIR of such a run: its steps, not the plan's.", "DIR"),
    ] = None,
) -> None:
    """Check a set-up before GPUs are spent: machine, settings, commands, judge, data, server.

    For whoever is about to start `swift rlhf`. Each finding says what to do.
    The exit code is 1 where something failed.
    """
    from swift_deepeyes.doctor.commands.check import check_commands
    from swift_deepeyes.doctor.finding import skipped
    from swift_deepeyes.doctor.model import ModelChoice, check_model
    from swift_deepeyes.doctor.settings import check_settings

    settings, findings = check_settings()
    if judge_cases and settings is not None:
        _run_cases(settings)
        return
    findings += _machine(port)
    findings += check_commands(command or [], running=running, log=log)
    findings += _judge(settings) if judge else [skipped("judge", "leave out --no-judge")]
    plugins = external_plugins or []
    findings += _datasets(dataset or [], plugins)
    choice = ModelChoice(model, model_type, template, max_pixels, tuple(plugins))
    recipe, found = check_model(choice) if model else (None, [])
    findings += found
    if rollout is None:
        findings.append(skipped("rollout server", "pass --rollout http://host:port"))
    else:
        from swift_deepeyes.doctor.rollout import check_rollout

        findings += check_rollout(rollout, recipe)
    if not _show(findings):
        raise typer.Exit(NOT_HEALTHY)


def _machine(ports: list[int] | None) -> list[Finding]:
    from swift_deepeyes.doctor.hardware import check_hardware, find_gpus
    from swift_deepeyes.doctor.machine import PORTS, check_ports, check_versions
    from swift_deepeyes.doctor.tried import Place, check_tried, installed_versions

    place = Place.GPU if find_gpus() else Place.CPU
    findings = [*check_hardware(Path.cwd()), *check_versions()]
    findings += check_tried(installed_versions(), place)
    return findings + check_ports(ports or PORTS)


def _judge(settings: Settings | None) -> list[Finding]:
    from swift_deepeyes.doctor.finding import skipped
    from swift_deepeyes.doctor.judge import check_judge

    if settings is None:
        return [skipped("judge", "correct the settings first")]
    return check_judge(settings)


def _datasets(paths: list[Path], plugins: list[Path]) -> list[Finding]:
    """The files, after the tools that their rows may name are registered."""
    if not paths:
        from swift_deepeyes.doctor.finding import skipped

        return [skipped("dataset", "pass --dataset FILE.parquet")]
    from swift_deepeyes.doctor.dataset import check_dataset
    from swift_deepeyes.doctor.model import load_tools

    problem = load_tools(plugins)
    return [*problem, *(finding for path in paths for finding in check_dataset(path))]


def _run_cases(settings: Settings) -> None:
    import asyncio

    from swift_deepeyes.judge import make_judge
    from swift_deepeyes.judge.check import run_cases

    report = asyncio.run(run_cases(make_judge(settings)))
    for case, verdict in report.mistakes:
        typer.echo(_told(case, verdict))
    typer.echo(report.table())
    typer.echo(_conclusion(report))
    if not report.is_good_enough:
        raise typer.Exit(NOT_HEALTHY)


def _told(case: JudgeCase, verdict: Verdict) -> str:
    """One case that went wrong, so that a reader can judge it too."""
    label = "right" if case.right else "wrong"
    reply = f"{verdict.decided_by}" if verdict.reply is None else f"{verdict.reply!r}"
    lines = [
        typer.style(f"{case.id} ({case.tag}): {verdict.outcome}, labelled {label}", bold=True),
        f"  question   {case.question!r}",
        f"  reference  {case.reference!r}",
        f"  answer     {case.answer!r}",
        f"  reply      {reply}",
    ]
    return "\n".join(lines)


def _conclusion(report: CaseReport) -> str:
    return typer.style(report.conclusion(), fg="green" if report.is_good_enough else "red")


def _show(findings: list[Finding]) -> bool:
    """Print one line a finding; True if nothing failed."""
    from swift_deepeyes.counted import counted
    from swift_deepeyes.doctor.finding import Health

    colours = {
        Health.OK: "green",
        Health.WARNING: "yellow",
        Health.FAILED: "red",
        Health.SKIPPED: "bright_black",
    }
    for finding in findings:
        word = typer.style(f"{finding.health.value:8}", fg=colours[finding.health])
        typer.echo(f"{word} {finding.check}: {finding.text}")
        if finding.fix:
            typer.echo(f"         fix: {finding.fix}")
    failures = sum(finding.health is Health.FAILED for finding in findings)
    warnings = sum(finding.health is Health.WARNING for finding in findings)
    also = f", {counted(warnings, 'warning')}" if warnings else ""
    typer.echo(f"{counted(failures, 'problem') if failures else 'no problems'}{also}")
    return not failures

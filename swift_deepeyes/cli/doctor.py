"""`swift-deepeyes doctor`: runs the checks that its options allow and prints the findings.

Part of the command line (cli.py only registers it), so it prints.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from swift_deepeyes.doctor.finding import Finding
    from swift_deepeyes.episode.view import ViewRecipe
    from swift_deepeyes.settings import Settings

NOT_HEALTHY = 1


def doctor(
    rollout: Annotated[
        str | None, typer.Option(help="The rollout server, e.g. http://127.0.0.1:18902")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The policy's path: compares pixel limits with the server.")
    ] = None,
    model_type: Annotated[str | None, typer.Option(help="As for swift rlhf.")] = None,
    template: Annotated[str | None, typer.Option(help="As for swift rlhf.")] = None,
    max_pixels: Annotated[int | None, typer.Option(help="As for swift rlhf.")] = None,
    dataset: Annotated[list[Path] | None, typer.Option(help="Parquet files. Repeatable.")] = None,
    port: Annotated[list[int] | None, typer.Option(help="Ports to look at. Repeatable.")] = None,
    judge: Annotated[bool, typer.Option(help="Check the judge.")] = True,
    judge_cases: Annotated[
        bool, typer.Option("--judge-cases", help="Put all labelled cases to the judge, only that.")
    ] = False,
    external_plugins: Annotated[
        list[Path] | None, typer.Option(help="As for swift rlhf: models or templates of yours.")
    ] = None,
) -> None:
    """Check a set-up before GPUs are spent: judge, rollout server, pixels, data, versions."""
    from swift_deepeyes.doctor.dataset import check_dataset
    from swift_deepeyes.doctor.finding import failed, skipped
    from swift_deepeyes.doctor.judge import check_judge
    from swift_deepeyes.doctor.machine import PORTS, check_ports, check_versions, check_vllm
    from swift_deepeyes.doctor.rollout import check_rollout
    from swift_deepeyes.settings import SettingsError, read_settings

    try:
        settings = read_settings()
    except SettingsError as error:
        _show([failed("settings", str(error), "set the variable to one of the allowed values")])
        raise typer.Exit(NOT_HEALTHY) from None
    if judge_cases:
        _run_cases(settings)
        return
    findings = [*check_versions(), check_vllm(), *check_ports(port or PORTS)]
    for path in dataset or ():
        findings += check_dataset(path)
    findings += check_judge(settings) if judge else [skipped("judge", "leave out --no-judge")]
    if rollout is None:
        findings.append(skipped("rollout server", "pass --rollout http://host:port"))
    else:
        recipe = _recipe(model, model_type, template, max_pixels, external_plugins or [])
        findings += check_rollout(rollout, recipe)
    if not _show(findings):
        raise typer.Exit(NOT_HEALTHY)


def _recipe(
    model: str | None,
    model_type: str | None,
    template: str | None,
    max_pixels: int | None,
    plugins: list[Path],
) -> ViewRecipe | None:
    """How images are seen on this side, by the template that `swift rlhf` would build here."""
    if model is None:
        return None
    from swift_deepeyes.ms_swift.template import load_recipe

    return load_recipe(model, model_type, template, max_pixels, plugins)


def _run_cases(settings: Settings) -> None:
    from swift_deepeyes.judge import make_judge
    from swift_deepeyes.judge.check import run_cases

    report = asyncio.run(run_cases(make_judge(settings)))
    typer.echo(report.table())
    for case, verdict in report.mistakes:
        typer.echo(f"{case.id} ({case.tag}): {verdict.outcome}, labelled {case.right}")


def _show(findings: list[Finding]) -> bool:
    """Print one line a finding; True if nothing failed."""
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
    typer.echo(f"{failures} problems" if failures else "no problems")
    return not failures

"""The plan as a table for a terminal. Nothing is printed here."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from swift_deepeyes.counted import counted
from swift_deepeyes.planning.measured import Comparison, Measured
from swift_deepeyes.planning.plan import Certainty, FigureUnit, Plan
from swift_deepeyes.planning.quantities import duration_text
from swift_deepeyes.planning.setup import Setup
from swift_deepeyes.planning.summary import Summary

BYTE_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def render_summary(summary: Summary) -> Iterator[RenderableType]:
    """The six lines under what is planned, and what is known to go wrong."""
    yield Text(summary.title, style="bold")
    lines = Table.grid(padding=(0, 2))
    for line in summary.lines:
        bad = line.about == "fits" and not summary.fits
        lines.add_row(Text(line.about, style="bold"), Text(line.text, style="red" if bad else ""))
    yield lines
    for warning in summary.warnings:
        yield Text(f"Warning: {warning}", style="yellow")
    yield Text(summary.caution, style="dim")


def render(setup: Setup, plan: Plan) -> Iterator[RenderableType]:
    """The plan, block by block."""
    yield _table(setup, plan)
    yield Text(
        "Measured: read from the one measured run (3B, LoRA, one H200). Calibrated: a formula that "
        "gives its memory within 10 % and each part of its step within 25 %; another card's speed "
        "is scaled by its data sheet. Arithmetic: never run. All rest on the mean lengths given; "
        "--log replaces them by what a run logged."
    )


def _table(setup: Setup, plan: Plan) -> Table:
    table = Table(title=f"{setup.model.name} on {counted(setup.gpus, 'GPU')} ({setup.mode})")
    table.add_column("quantity", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("how")
    for section in plan.sections:
        table.add_section()
        table.add_row(Text(section.title, style="bold"))
        for figure in section.figures:
            style = "" if figure.certainty is Certainty.EXACT else "dim"
            certainty = Text(figure.certainty, style=style)
            value = quantity_text(figure.value, figure.unit)
            table.add_row(f"  {figure.name}", value, certainty, figure.how)
    return table


def render_measured(
    setup: Setup, measured: Measured, rows: tuple[Comparison, ...]
) -> Iterator[RenderableType]:
    """What was planned beside what a run logged, and the options that plan what it logged."""
    table = Table(title=f"Planned and measured ({counted(measured.steps, 'step')})")
    table.add_column("quantity", no_wrap=True)
    table.add_column("planned", justify="right", no_wrap=True)
    table.add_column("measured", justify="right", no_wrap=True)
    for row in rows:
        logged = "not logged" if row.measured is None else quantity_text(row.measured, row.unit)
        table.add_row(row.name, quantity_text(row.planned, row.unit), logged)
    yield table
    lengths = measured.lengths(setup.lengths)
    yield Text(
        f"As measured: --turns {lengths.mean_turns:.2f} --max-turns {lengths.max_turns} "
        f"--turn-tokens {lengths.mean_turn_tokens} --crop-rate {lengths.mean_crop_rate:.2f} "
        f"--crop-share {lengths.mean_crop_share:.2f}"
    )


def quantity_text(value: float, unit: FigureUnit) -> str:
    """A value with its unit, in digits that mean something."""
    if unit is FigureUnit.BYTES:
        size, name = next(((s, n) for s, n in BYTE_UNITS if abs(value) >= s), (1, "B"))
        return f"{value / size:,.1f} {name}"
    if unit is FigureUnit.SECONDS:
        return duration_text(value)
    text = f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2f}"
    return f"{text} {unit}".rstrip()

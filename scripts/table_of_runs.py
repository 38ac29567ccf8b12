"""The table of runs: what each file of `scripts/runs` needs and takes on A100 and H100 (Markdown).

Hardware and judge are the files' own headers, figures those of the plan that a header names.
Usage: python scripts/table_of_runs.py [--brief]
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swift_deepeyes.planning.plan import Plan
    from swift_deepeyes.planning.setup import Setup

RUNS = sorted((Path(__file__).parent / "runs").glob("*.sh"))
PARTS = ("Hardware", "Judge", "Update", "Plan", "Memory", "Time", "Watch", "Not as the paper")
CARDS = ("a100", "h100")
COLUMNS = {
    "run": "run",
    "hardware": "hardware",
    "gpu": "memory per training GPU, longest trajectory",
    "node": "of a training node",
    "step": "step, A100 · H100",
    "all": "all steps, A100 · H100",
    "hours": "GPU-hours, A100 · H100",
    "by": "by",
}
BRIEF = ("run", "hardware", "all", "hours")


def header(run: Path) -> str:
    """The comment at a file's beginning, without its marks."""
    lines = run.read_text().splitlines()[1:]
    end = next(at for at, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[:end])


def part(run: Path, title: str) -> str:
    """One part of the header, its lines joined. Raises `ValueError` where it is missing."""
    titles = "|".join(PARTS)
    found = re.search(rf"^{title}: (.*?)(?=^(?:{titles}): |\Z)", header(run), re.M | re.S)
    if not found:
        raise ValueError(f"{run.name} does not say its {title}")
    return " ".join(found[1].split())


def planned(run: Path, card: str | None = None, *others: str) -> tuple[Setup, Plan]:
    """The plan that the header names, of its own card or another, with other options added."""
    from typer.main import get_command

    from swift_deepeyes.cli.main import app
    from swift_deepeyes.cli.plan import setup_of
    from swift_deepeyes.planning.plan import make_plan

    words = shlex.split(part(run, "Plan"))[2:] + list(others)
    words += ["--gpu", card] if card else []  # the last one counts
    command = get_command(app).commands["plan"]  # type: ignore[attr-defined]
    setup = setup_of(command.make_context("plan", words).params)
    return setup, make_plan(setup)


def figure_text(plan: Plan, name: str) -> str:
    """A figure as `plan --full` shows it."""
    from swift_deepeyes.cli.tables.plan import quantity_text

    figure = plan.figure(name)
    return quantity_text(figure.value, figure.unit)


def table_row(run: Path) -> dict[str, str]:
    """One run's cells by their columns."""
    setup, own = planned(run)
    plans = [planned(run, card)[1] for card in CARDS]

    def both(name: str) -> str:
        texts = [figure_text(plan, name).removesuffix(" GPU-hours") for plan in plans]
        return " · ".join(texts)

    # Megatron's memory is not the plan's: there the header does the sum.
    by_hand = re.search(r"in all (\d+ GB)", part(run, "Memory"))
    longest = by_hand[1] if by_hand else figure_text(own, "longest sum")
    return {
        "run": f"`{run.name}`",
        "hardware": part(run, "Hardware").partition(". ")[0].rstrip("."),
        "gpu": longest,
        "node": figure_text(own, "node sum"),
        "step": both("step"),
        "all": f"{setup.steps} in {both('run')}",
        "hours": both("all GPUs"),
        "by": own.figure("step").certainty,
    }


def table(*, brief: bool = False) -> Iterator[str]:
    """The lines of the table."""
    columns = BRIEF if brief else tuple(COLUMNS)
    yield "| " + " | ".join(COLUMNS[column] for column in columns) + " |"
    yield "|" + "---|" * len(columns)
    for run in sorted(RUNS, key=lambda run: planned(run)[0].gpus):
        row = table_row(run)
        yield "| " + " | ".join(row[column] for column in columns) + " |"


if __name__ == "__main__":
    print("\n".join(table(brief="--brief" in sys.argv)))

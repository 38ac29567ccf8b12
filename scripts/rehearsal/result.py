"""What came of a rehearsal: a line of the table, and what was not as it must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.box import MARKDOWN
from rich.table import Table


@dataclass
class Result:
    """One script's line. `ran` and `limits` are for people; `problems` decide."""

    script: str
    ran: list[str] = field(default_factory=list)
    steps: str = "none"
    limits: list[str] = field(default_factory=list)
    saved: str = "no"
    resumed: str = "no"
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def table_of(results: Sequence[Result]) -> Table:
    """The results as a table, in Markdown."""
    table = Table(box=MARKDOWN)
    for title in ("script", "what ran", "steps", "limits met", "saved", "resumed", "s", ""):
        table.add_column(title, justify="right" if title == "s" else "left", overflow="fold")
    for one in results:
        table.add_row(
            one.script,
            "; ".join(one.ran),
            one.steps,
            ", ".join(one.limits) or "none",
            one.saved,
            one.resumed,
            f"{one.seconds:.0f}",
            "failed" if one.problems else "ok",
        )
    return table

"""An evaluation on a console: what it waits for, how far it is, and its tables."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from swift_deepeyes.cli.progress import ConsoleProgress
from swift_deepeyes.evaluation.config import Config
from swift_deepeyes.evaluation.endpoint import Endpoint
from swift_deepeyes.evaluation.evaluate import Sources, evaluate
from swift_deepeyes.evaluation.reporting.report import REPORT_MARKDOWN, Report, probed
from swift_deepeyes.evaluation.served_model import Stated
from swift_deepeyes.settings import read_settings


def run_on_console(
    config: Config,
    sources: Sources,
    endpoint: Endpoint,
    stated: Stated,
    model: str | None,
    out: Path,
    concurrency: int,
    check_tokens: bool,
) -> Report:
    """Evaluate, and show it. Raises what `evaluate` does."""
    console = Console()

    async def run() -> Report:
        with ConsoleProgress(console) as progress:
            async with endpoint:
                return await evaluate(
                    config,
                    sources,
                    read_settings(),
                    endpoint,
                    model=model,
                    stated=stated,
                    out=out,
                    concurrency=concurrency,
                    progress=progress,
                    check_tokens=check_tokens,
                )

    report = asyncio.run(run())
    _show(console, report, out)
    return report


def _show(console: Console, report: Report, out: Path) -> None:
    model = report.model
    facts = [
        f"{model.name}: {model.how}; boxes in {model.frame}; options: {report.options}.",
        f"Image tokens as the server counts them: {probed(report.pixels)}.",
    ]
    console.print(escape("\n".join(facts)))
    for table in report.tables:
        shown = Table(title=escape(table.title), title_justify="left")
        for column in table.columns:
            shown.add_column(escape(column))
        for row in table.rows:
            shown.add_row(*map(escape, row))
        console.print(shown)
    for remark in report.remarks:
        console.print(escape(remark), style="bold red")
    console.print(escape(f"Report: {out / REPORT_MARKDOWN}"))

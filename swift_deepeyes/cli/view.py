"""`swift-deepeyes view`: writes or serves the page of a log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from swift_deepeyes.cli.command import option

PAGE, SERVED = "Page", "Served"


def view(
    directories: Annotated[
        list[Path],
        typer.Argument(
            help="A log directory (DEEPEYES_LOG_DIR, or --out of an evaluation); several are "
            "compared on one page.",
            metavar="DIR",
        ),
    ],
    output: Annotated[
        Path | None,
        option(PAGE, "The HTML file.", "FILE", show_default="in the first directory"),
    ] = None,
    max_megabytes: Annotated[float, option(PAGE, "Its size, about.", min=1)] = 100,
    max_trajectories: Annotated[int, option(PAGE, "Of more, some are drawn.", min=1)] = 10_000,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Serve it on 127.0.0.1 instead.", rich_help_panel=SERVED),
    ] = False,
    port: Annotated[
        int, option(SERVED, "Where; 0: any free port.", "PORT", min=0, max=65535)
    ] = 8765,
) -> None:
    """Show a run's trajectories, or two runs beside each other, as one HTML file.

    For seeing what a policy really does: question, boxes, crops as the model
    saw them, verdicts and curves. The file needs no network.
    """
    from swift_deepeyes.viewer.build import PageLimits
    from swift_deepeyes.viewer.output import serve_page, write_page

    limits = PageLimits(max_megabytes=max_megabytes, max_trajectories=max_trajectories)
    if serve:
        serve_page(directories, limits, port, typer.echo)
    else:
        write_page(directories, limits, output, typer.echo)

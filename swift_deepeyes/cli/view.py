"""`swift-deepeyes view`: writes or serves the page of a log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    directories: Annotated[
        list[Path],
        typer.Argument(
            help="A log directory (DEEPEYES_LOG_DIR, or --out of an evaluation); several are "
            "compared on one page."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            help="The HTML file.  [default: trajectories.html in the directory, comparison.html in "
            "the first of several]"
        ),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Serve it on 127.0.0.1 instead.")] = False,
    port: Annotated[int, typer.Option(help="With --serve; 0: any free port.")] = 8765,
    max_megabytes: Annotated[float, typer.Option(min=1, help="Size of the page, about.")] = 100,
    max_trajectories: Annotated[int, typer.Option(min=1, help="More are sampled.")] = 10_000,
) -> None:
    """Show a run's trajectories, or two runs beside each other, as one HTML file."""
    from swift_deepeyes.viewer.build import PageLimits
    from swift_deepeyes.viewer.output import serve_page, write_page

    limits = PageLimits(max_megabytes=max_megabytes, max_trajectories=max_trajectories)
    if serve:
        serve_page(directories, limits, port, typer.echo)
    else:
        write_page(directories, limits, output, typer.echo)

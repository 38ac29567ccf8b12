"""`swift-deepeyes view`: writes or serves the page of a log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    directory: Annotated[Path, typer.Argument(help="A log directory (DEEPEYES_LOG_DIR).")],
    output: Annotated[
        Path | None, typer.Option(help="The HTML file.  [default: DIRECTORY/trajectories.html]")
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Serve it on 127.0.0.1 instead.")] = False,
    port: Annotated[int, typer.Option(help="With --serve; 0: any free port.")] = 8765,
    max_megabytes: Annotated[float, typer.Option(min=1, help="Size of the page, about.")] = 100,
    max_trajectories: Annotated[int, typer.Option(min=1, help="More are sampled.")] = 10_000,
) -> None:
    """Show a run's trajectories as one HTML file that needs no network."""
    from swift_deepeyes.viewer.build import PageLimits
    from swift_deepeyes.viewer.output import serve_page, write_page

    limits = PageLimits(max_megabytes=max_megabytes, max_trajectories=max_trajectories)
    if serve:
        serve_page(directory, limits, port, typer.echo)
    else:
        write_page(directory, limits, output, typer.echo)

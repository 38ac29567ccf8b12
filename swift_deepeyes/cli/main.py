"""The command `swift-deepeyes`. The only place that prints and that configures logging.

Each command is a few lines: it reads its options, calls one room, and shows what came of it. Rooms
are imported inside the commands, so that `swift-deepeyes --help` stays instant.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from swift_deepeyes.cli.demo import demo
from swift_deepeyes.cli.doctor import doctor
from swift_deepeyes.cli.eval import evaluate
from swift_deepeyes.cli.plan import plan
from swift_deepeyes.cli.prepare import prepare
from swift_deepeyes.demo import cpu_support

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__.splitlines()[0])


@app.callback()
def _configure() -> None:
    """DeepEyes for ms-swift: teach vision-language models to think with images."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")


@app.command("plugin-path")
def plugin_path() -> None:
    """Print the path of the file for ms-swift's --external_plugins."""
    typer.echo(Path(__file__).resolve().parents[1] / "plugin" / "deepeyes_plugin.py")


@app.command()
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
    from swift_deepeyes.viewer.output import LogError, serve_page, write_page

    limits = PageLimits(max_megabytes=max_megabytes, max_trajectories=max_trajectories)
    try:
        if serve:
            serve_page(directory, limits, port, typer.echo)
        else:
            write_page(directory, limits, output, typer.echo)
    except LogError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from None


app.command("doctor")(doctor)
app.command("prepare")(prepare)
app.command("plan")(plan)
app.command("demo")(demo)
# Its two dozen options are the evaluation's own business.
app.command("eval")(evaluate)


def main() -> None:
    """Entry point of the console script."""
    # Beside a CPU build of torch, torchvision only imports with this; where a GPU is, it does
    # nothing.
    cpu_support.install()
    app()

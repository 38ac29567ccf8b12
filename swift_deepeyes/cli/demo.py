"""`swift-deepeyes demo`: its options."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from swift_deepeyes.demo.options import DemoFamily, DemoOptions


def demo(
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="GRPO steps.", metavar="N", show_default="what the toy needs"),
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Folder for everything it makes.", metavar="DIR")
    ] = Path("output/demo"),
    seed: Annotated[
        int, typer.Option(help="Another one makes another toy, data and run.", metavar="N")
    ] = 0,
    family: Annotated[
        DemoFamily, typer.Option(help=f"Whose toy: {', '.join(DemoFamily)}.", metavar="NAME")
    ] = DemoFamily.QWEN2_5_VL,
) -> None:
    """Watch GRPO teach a toy model the zoom tool, on a laptop, in a few minutes.

    For a first look before any GPU: real ms-swift and vLLM, a model of a million
    parameters, and an evaluation before and after. Needs no network.
    """
    # These import half of the machine-learning world; `--help` must not.
    from rich.console import Console

    from swift_deepeyes.cli.progress import ConsoleProgress
    from swift_deepeyes.cli.tables.demo import show_results
    from swift_deepeyes.demo.run import run_demo

    # The evaluation's questions would each leave a line between the demo's own.
    for client in ("httpx", "httpx2"):
        logging.getLogger(client).setLevel(logging.WARNING)
    # Ended from outside, it must still end the commands that it has started.
    signal.signal(signal.SIGTERM, _end)
    console = Console()
    with ConsoleProgress(console) as progress:
        results = run_demo(DemoOptions(seed, steps, output, family), progress, progress.say)
    show_results(console, results)


def _end(*_: object) -> None:
    typer.secho("error: ended by SIGTERM", fg="red", err=True)
    sys.exit(128 + signal.SIGTERM)

"""`swift-deepeyes watch`: a running log directory in the terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from swift_deepeyes.watching.run import WatchedRun


def watch(
    directory: Annotated[Path, typer.Argument(help="A log directory (DEEPEYES_LOG_DIR).")],
    once: Annotated[bool, typer.Option("--once", help="Show what is there, and end.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 2.0,
) -> None:
    """Show a run while it trains: curves, the last trajectories, alarms. Ctrl-C ends it.

    Without a terminal to draw on (a pipe, TERM=dumb) there is one line for each new step.
    """
    from swift_deepeyes.cli.tables.watch import make_console
    from swift_deepeyes.watching.run import WatchedRun

    try:
        run, console = WatchedRun(directory), make_console()
        if once:
            _show_once(run, console)
        elif console.is_terminal and not console.is_dumb_terminal:
            _draw(run, console, every)
        else:
            _write_lines(run, console, every)
    except KeyboardInterrupt:  # the way to end it
        return


def _show_once(run: WatchedRun, console: Console) -> None:
    from swift_deepeyes.cli.tables.watch import Screen

    run.look()
    run.require_something()
    console.print(Screen(run, is_whole=True))


def _draw(run: WatchedRun, console: Console, every: float) -> None:
    """The whole screen, drawn again after each look."""
    from rich.live import Live

    from swift_deepeyes.cli.tables.watch import Screen

    run.look()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(Screen(run), refresh=True)
            time.sleep(every)
            run.look()


def _write_lines(run: WatchedRun, console: Console, every: float) -> None:
    from swift_deepeyes.cli.tables.watch import Screen, print_line

    run.look()
    if run.view().is_empty:
        print_line(console, run.waits_for)
    else:
        console.print(Screen(run, is_whole=True))
    while True:
        time.sleep(every)
        for line in run.look():
            print_line(console, line)

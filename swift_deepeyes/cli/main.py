"""The command `swift-deepeyes`: its commands, its logging, and how its errors look.

Each command is a few lines: it reads its options, calls one room, and shows what came of it. Rooms
are imported inside the commands, so that `swift-deepeyes --help` stays instant.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from swift_deepeyes.cli.command import Command, Commands, flush_stdout, show_version
from swift_deepeyes.cli.demo import demo
from swift_deepeyes.cli.doctor import doctor
from swift_deepeyes.cli.eval import EvalCommand, evaluate
from swift_deepeyes.cli.examples import EXAMPLES, FIRST_EXAMPLES
from swift_deepeyes.cli.make_data import make_data
from swift_deepeyes.cli.plan import plan
from swift_deepeyes.cli.plugin_files import PluginCommand
from swift_deepeyes.cli.plugin_path import plugin_path
from swift_deepeyes.cli.prepare import prepare
from swift_deepeyes.cli.view import view
from swift_deepeyes.cli.watch import watch
from swift_deepeyes.demo import cpu_support

BEFORE, AFTER = "Before a run", "During and after a run"

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=FIRST_EXAMPLES,
)


@app.callback()
def _configure(
    show: Annotated[
        bool,
        typer.Option(
            "--version", callback=show_version, is_eager=True, help="Show the versions and exit."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error comes from (traceback).")
    ] = False,
) -> None:
    """DeepEyes for ms-swift: teach vision-language models to think with images.

    Training itself is `swift rlhf` with this plugin. These commands show what
    it does, prepare and check a run, and look at what came of it.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    if debug:
        logging.getLogger("swift_deepeyes").setLevel(logging.DEBUG)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name, or a model's text, need not be text of this terminal's encoding.
        sys.stdout.reconfigure(errors="backslashreplace")


def _add(
    name: str, function: Callable[..., None], panel: str, cls: type[Command] = Command
) -> None:
    app.command(name, cls=cls, epilog=EXAMPLES[name], rich_help_panel=panel)(function)


_add("demo", demo, BEFORE)
_add("prepare", prepare, BEFORE)
_add("make-data", make_data, BEFORE, PluginCommand)
_add("plan", plan, BEFORE)
_add("doctor", doctor, BEFORE)
_add("plugin-path", plugin_path, BEFORE)
_add("watch", watch, AFTER)
_add("view", view, AFTER)
_add("eval", evaluate, AFTER, EvalCommand)


def main() -> None:
    """Entry point of the console script."""
    # Beside a CPU build of torch, torchvision only imports with this; where a GPU is, it does
    # nothing.
    cpu_support.install()
    try:
        app()
    finally:
        flush_stdout()

"""The command `swift-deepeyes`: its commands, its logging, and how its errors look.

Each command is a few lines: it reads its options, calls one room, and shows what came of it. Rooms
are imported inside the commands, so that `swift-deepeyes --help` stays instant.
"""

from __future__ import annotations

import logging
from typing import Any

import typer
from typer.core import TyperGroup

from swift_deepeyes.cli.demo import demo
from swift_deepeyes.cli.doctor import doctor
from swift_deepeyes.cli.eval import EvalCommand, evaluate
from swift_deepeyes.cli.plan import plan
from swift_deepeyes.cli.plugin_path import plugin_path
from swift_deepeyes.cli.prepare import prepare
from swift_deepeyes.cli.view import view
from swift_deepeyes.demo import cpu_support
from swift_deepeyes.errors import DeepEyesError

FAILED = 2
"""Exit code of a command that an error ended; 1 says that not everything was run, or healthy."""

logger = logging.getLogger(__name__)


class _Commands(TyperGroup):
    """The one place where an error becomes a line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was chosen."""
        try:
            return super().invoke(ctx)
        except DeepEyesError as error:
            logger.debug("What raised it:", exc_info=True)
            typer.secho(f"error: {error}", fg="red", err=True)
            raise typer.Exit(FAILED) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    help="The command `swift-deepeyes`: DeepEyes for ms-swift.",
)


@app.callback()
def _configure() -> None:
    """DeepEyes for ms-swift: teach vision-language models to think with images."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")


app.command("plugin-path")(plugin_path)
app.command("view")(view)
app.command("doctor")(doctor)
app.command("prepare")(prepare)
app.command("plan")(plan)
app.command("demo")(demo)
app.command("eval", cls=EvalCommand)(evaluate)


def main() -> None:
    """Entry point of the console script."""
    # Beside a CPU build of torch, torchvision only imports with this; where a GPU is, it does
    # nothing.
    cpu_support.install()
    app()

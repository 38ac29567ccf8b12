"""What all commands share: how their help ends, and how their errors look."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from platform import python_version
from textwrap import indent
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from swift_deepeyes import __version__
from swift_deepeyes.cli.environment import check_environment
from swift_deepeyes.errors import DeepEyesError

FAILED = 2
"""Exit code of a command that an error ended; 1 says that not everything was run, or healthy."""
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the signal's number."""

logger = logging.getLogger(__name__)


class Command(TyperCommand):
    """A command whose help ends with its epilog as it stands: examples that can be copied."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help page. Examples must not be wrapped, as typer does with an epilog."""
        examples, self.epilog = self.epilog, None
        super().format_help(ctx, formatter)
        self.epilog = examples
        show_examples(examples)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """`--version` is understood behind a command's name too; then names are checked."""
        if "--version" in args:
            show_version(True)
        if self.name != "doctor" and not {"-h", "--help"} & set(args):
            check_environment()  # the doctor lists it among its findings
        return super().parse_args(ctx, args)


class Commands(TyperGroup):
    """The one place where an error becomes a line on stderr and an exit code."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help page, with the examples as they stand."""
        examples, self.epilog = self.epilog, None
        super().format_help(ctx, formatter)
        self.epilog = examples
        show_examples(examples)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was chosen."""
        with _one_line():
            return super().invoke(ctx)


def option(panel: str, text: str, metavar: str | None = "N", **more: Any) -> Any:
    """An option of a group of the help page; `more`: as typer's own."""
    return typer.Option(help=text, metavar=metavar, rich_help_panel=panel, **more)


def show_examples(text: str | None) -> None:
    """Print the examples of a help page."""
    if text:
        typer.echo(indent(f"Examples:\n\n{text.strip()}", " "))


def show_version(is_asked: bool) -> None:
    """Print the versions that a report of a problem needs, and end."""
    if is_asked:
        typer.echo(f"swift-deepeyes {__version__} (ms-swift {_ms_swift()}, {_python()})")
        raise typer.Exit


def _ms_swift() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ms-swift")
    except PackageNotFoundError:
        return "not installed"


def _python() -> str:
    return f"Python {python_version()}"


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Stopped by Ctrl-C.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise typer.Exit(1) from None  # `| head` has read enough
    except Exception as error:
        if isinstance(error, typer.Abort) or hasattr(error, "exit_code"):
            raise  # typer's own
        logger.debug("What raised it:", exc_info=True)
        typer.secho(f"error: {_described(error)}", fg="red", err=True)
        raise typer.Exit(FAILED) from None


def _described(error: BaseException) -> str:
    """The line that a user reads."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, DeepEyesError):
        return str(error)
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    said = " ".join(str(error).split())
    if isinstance(error, OSError):
        return said or type(error).__name__
    return (
        f"unexpected {type(error).__name__}: {said[:300]}. This is a fault of swift-deepeyes: "
        "`swift-deepeyes --debug` before the command shows where it is."
    )


def flush_stdout() -> None:
    """Write what is left, now: when Python ends, an error would be its own lines."""
    if sys.stdout is None:  # closed by the shell: `>&-`
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        close_stdout()
    except OSError as error:
        close_stdout()
        typer.secho(f"error: standard output: {error.strerror}", fg="red", err=True)
        sys.exit(FAILED)


def close_stdout() -> None:
    """Send what is still to be written nowhere: nobody reads it, and Python would complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

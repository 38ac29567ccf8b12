"""The option for files with tools of one's own, spelt and written as ms-swift's own."""

from __future__ import annotations

from typing import Any

import typer

from swift_deepeyes.cli.command import Command

NAME = "--external-plugins"
_NAMES = (NAME, "--external_plugins")  # and as ms-swift spells it


class PluginCommand(Command):
    """A command that takes plugin files: `--external-plugins a.py b.py`, several for one option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer's, the option repeated for each file."""
        return super().parse_args(ctx, one_option_per_file(args))


def plugin_files_option(panel: str) -> Any:
    """The option, for a group of the help page."""
    text = "Files with tools of your own, as in training."
    return typer.Option(NAME, help=text, metavar="FILE...", rich_help_panel=panel)


def one_option_per_file(args: list[str]) -> list[str]:
    """The arguments with the option repeated before each Python file that follows it."""
    repeated: list[str] = []
    option = None
    for arg in args:
        if arg in _NAMES:
            arg = option = NAME
        elif option is not None and arg.endswith(".py"):
            if repeated[-1] != option:
                repeated.append(option)
        else:
            option = None
        repeated.append(arg)
    return repeated

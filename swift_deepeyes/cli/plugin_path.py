"""`swift-deepeyes plugin-path`."""

from __future__ import annotations

from pathlib import Path

import typer


def plugin_path() -> None:
    """Print the path of the file for ms-swift's --external_plugins.

    For the command lines of `swift rlhf`, `swift rollout` and `swift infer`.
    """
    typer.echo(Path(__file__).resolve().parents[1] / "plugin" / "deepeyes_plugin.py")

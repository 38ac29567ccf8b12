"""What every command looks at before it runs: whether each `DEEPEYES_*` name is a setting."""

from __future__ import annotations

import os


def check_environment() -> None:
    """Raises `SettingsError`. Imports the settings, which takes 0.2 s, only where one is set."""
    if any(name.upper().startswith("DEEPEYES_") for name in os.environ):
        from swift_deepeyes.settings import check_names

        check_names()

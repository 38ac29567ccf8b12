"""Promises about the package's shape that the import rules cannot say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import swift_deepeyes

PACKAGE = Path(swift_deepeyes.__file__).parent


def test_the_plugin_file_is_alone_in_its_folder() -> None:
    """ms-swift puts that folder first on `sys.path`: a sibling would shadow other modules."""
    names = {path.name for path in (PACKAGE / "plugin").iterdir()} - {"__pycache__"}
    assert names == {"deepeyes_plugin.py"}


def test_importing_the_package_is_free() -> None:
    program = "import sys; before = set(sys.modules); import swift_deepeyes; "
    program += "print(*sorted(set(sys.modules) - before))"
    # Without `site`: on CPUs the environment's own .pth file imports our CPU support at start.
    command = [sys.executable, "-S", "-c", program]
    run = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["swift_deepeyes"]

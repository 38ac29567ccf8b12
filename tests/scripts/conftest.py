from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scripts.captured import CLASSES, SCRIPTS, Call, captured


@pytest.fixture
def capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Call]:
    """Runs a script and parses its command, without ms-swift's checks of the machine."""
    for cls in CLASSES.values():
        monkeypatch.setattr(cls, "__post_init__", lambda self: None)
    return lambda script, *words, **env: captured(SCRIPTS / script, tmp_path, *words, **env)

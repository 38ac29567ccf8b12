"""One tree of errors that the command prints once; one object that holds a process's state."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.judge import JudgeError
from swift_deepeyes.ms_swift.checks.scheduler import MissingSchedulerError
from swift_deepeyes.ms_swift.limits import PromptTooLargeError
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.rows import NoRowsLeftError
from swift_deepeyes.settings import SettingsError
from swift_deepeyes.viewer import output

OURS = [JudgeError, PromptTooLargeError, NoRowsLeftError, MissingSchedulerError, SettingsError]


@pytest.mark.parametrize("error", [DeepEyesError, *OURS])
def test_an_error_of_the_tree_ends_a_command_with_one_line(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise error("what is wrong, and the fix")

    monkeypatch.setattr(output, "write_page", fail)
    done = CliRunner().invoke(app, ["view", str(tmp_path)])
    assert (done.exit_code, done.output) == (2, "error: what is wrong, and the fix\n")


def test_help_imports_no_room() -> None:
    program = (
        "import sys, swift_deepeyes.cli.main\n"
        "assert not {'pydantic', 'torch', 'PIL', 'pyarrow', 'rich.table'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_reset_is_a_fresh_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    process.reset()
    before = process.settings, process.judge, process.recorder
    process.remember_arguments(object())
    for _ in range(2):
        process.warn_once("key", "a warning")
        process.warn_once("key", "a warning")
        process.reset()
    after = process.settings, process.judge, process.recorder
    assert not any(old is new for old, new in zip(before, after, strict=True))
    assert process.run_arguments is None and process.in_flight == {}
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == ["a warning"] * 2
    process.reset()

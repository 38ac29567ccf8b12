"""torchrun's closing report is given what ended the run; other launchers are not disturbed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from swift_deepeyes.judge import JudgeError
from swift_deepeyes.ms_swift.checks.scheduler import MissingSchedulerError
from swift_deepeyes.ms_swift.process import tell_launcher

VARIABLE = "TORCHELASTIC_ERROR_FILE"  # set by torchrun for each of its workers
ERROR = JudgeError("DEEPEYES_JUDGE_BASE_URL: nobody is there")
FORGOTTEN = MissingSchedulerError("--multi_turn_scheduler is not set")


@pytest.mark.parametrize("error", [ERROR, FORGOTTEN])
def test_the_report_has_the_message_and_no_long_traceback(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "error.json"))
    try:
        raise error
    except type(error) as raised:
        tell_launcher(raised)
    message = json.loads((tmp_path / "error.json").read_text())["message"]
    assert message["message"] == f"{type(error).__name__}: {error}"
    shown = message["extraInfo"]["py_callstack"]
    assert shown.rstrip().endswith(message["message"]) and shown.count("\n") < 6


def test_without_torchrun_or_its_folder_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    tell_launcher(ERROR)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone" / "error.json"))
    tell_launcher(ERROR)


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        ("SettingsError('it and the fix')", "error: it and the fix\n"),
        ("ValueError('another')", "Traceback"),
    ],
)
def test_an_error_of_ours_ends_a_process_with_one_line(raised: str, shown: str) -> None:
    program = (
        "from swift_deepeyes.errors import show_in_one_line\n"
        "from swift_deepeyes.settings import SettingsError\n"
        f"show_in_one_line(); show_in_one_line()\nraise {raised}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith(shown)
    assert shown == "Traceback" or done.stderr == shown

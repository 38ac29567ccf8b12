"""torchrun's closing report is given what ended the run; other launchers are not disturbed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swift_deepeyes.judge import JudgeError
from swift_deepeyes.ms_swift.process import tell_launcher
from swift_deepeyes.ms_swift.scheduler_check import MissingSchedulerError

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

"""torchrun's closing report is given the judge's error; other launchers are not disturbed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swift_deepeyes.host.launcher import tell_launcher
from swift_deepeyes.judge import JudgeError

VARIABLE = "TORCHELASTIC_ERROR_FILE"  # set by torchrun for each of its workers
ERROR = JudgeError("DEEPEYES_JUDGE_BASE_URL: nobody is there")


def test_the_report_has_the_message_and_no_long_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "error.json"))
    try:
        raise ERROR
    except JudgeError as error:
        tell_launcher(error)
    message = json.loads((tmp_path / "error.json").read_text())["message"]
    assert message["message"] == f"JudgeError: {ERROR}"
    shown = message["extraInfo"]["py_callstack"]
    assert shown.rstrip().endswith(f"JudgeError: {ERROR}") and shown.count("\n") < 6


def test_without_torchrun_or_its_folder_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    tell_launcher(ERROR)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone" / "error.json"))
    tell_launcher(ERROR)

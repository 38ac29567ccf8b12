"""A name with our prefix that nobody reads stops every entry, with the nearest right one."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.settings import SettingsError, check_names, known_names, read_settings

ROOT = Path(__file__).parents[2]
MISSPELT = "error: DEEPEYES_JUGDE is not a setting. Did you mean DEEPEYES_JUDGE?"
OF_KUBERNETES = {
    "DEEPEYES_SERVICE_HOST": "10.0.0.1",
    "DEEPEYES_JUDGE_SERVICE_HOST": "10.0.0.1",
    "DEEPEYES_JUDGE_SERVICE_PORT": "18901",
    "DEEPEYES_JUDGE_SERVICE_PORT_HTTP": "18901",
    "DEEPEYES_JUDGE_PORT": "tcp://10.0.0.1:18901",
    "DEEPEYES_JUDGE_PORT_18901_TCP": "tcp://10.0.0.1:18901",
    "DEEPEYES_JUDGE_PORT_18901_TCP_PROTO": "tcp",
    "DEEPEYES_JUDGE_PORT_18901_TCP_PORT": "18901",
    "DEEPEYES_JUDGE_PORT_18901_TCP_ADDR": "10.0.0.1",
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("DEEPEYES_JUGDE", "Did you mean DEEPEYES_JUDGE?"),
        ("DEEPEYES_LOGDIR", "Did you mean DEEPEYES_LOG_DIR?"),
        ("deepeyes_scorin", "Did you mean DEEPEYES_SCORING?"),
        ("DEEPEYES_JUDGE_URL", "DEEPEYES_JUDGE_BASE_URL"),
        ("DEEPEYES_MAX_PIXELS", "it is MAX_PIXELS, without our prefix"),
        ("DEEPEYES_JUDGE_PORT", "Did you mean"),  # a number, where Kubernetes has an address
        ("DEEPEYES_XYZ", "Known: BBOX_FORMAT, "),
    ],
)
def test_the_nearest_name_is_named(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "18901")
    with pytest.raises(SettingsError, match=f"^{name} is not a setting") as caught:
        read_settings()
    assert said in str(caught.value)


def test_what_kubernetes_injects_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OF_KUBERNETES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SWIFT_DEEPEYES_ANYTHING", "")
    check_names()


def test_what_the_scripts_read_and_export_is_known() -> None:
    paths = [path for path in (ROOT / "scripts").rglob("*") if path.suffix in {".sh", ".py"}]
    texts = [path.read_text() for path in paths if path.name != "time_mistakes.py"]  # misspells
    used = {name for text in texts for name in re.findall(r"\bDEEPEYES_[A-Z_]+\b", text)}
    assert "DEEPEYES_VENV" in used and "DEEPEYES_JUDGE_START_WAIT" in used
    assert used <= known_names()


COMMANDS = ["plugin-path", "view x", "plan --model 7b", "prepare", "eval", "demo"]


@pytest.mark.parametrize("command", COMMANDS)
def test_it_stops_each_command(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUGDE", "rule")
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 2 and done.output.startswith(MISSPELT)
    assert done.output.count("\n") == 1


def test_the_doctor_lists_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUGDE", "rule")
    done = CliRunner().invoke(app, ["doctor", "--no-judge", "--port", "0"])
    assert done.exit_code == 1 and "failed   settings: DEEPEYES_JUGDE is not" in done.output
    assert " gpu: " in done.output  # the other checks are made all the same


def test_it_stops_the_load_of_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that `swift rlhf` and `swift rollout` load first."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setenv("DEEPEYES_JUGDE", "rule")
    process.reset()
    with pytest.raises(SettingsError, match=r"Did you mean DEEPEYES_JUDGE\?"):
        runpy.run_path(str(ROOT / "swift_deepeyes/plugin/deepeyes_plugin.py"))
    process.reset()

"""Tools of one's own in an evaluation: loaded as in training, recorded, and told when missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import swift_deepeyes
from swift_deepeyes.cli.main import app
from swift_deepeyes.demo.toy import build_data
from swift_deepeyes.evaluation.prompts import messages_with_tool, messages_without_tool
from swift_deepeyes.evaluation.question import Question
from swift_deepeyes.evaluation.question_tools import named_toolbox
from swift_deepeyes.record.record import PromptMessage
from swift_deepeyes.tools.plugins import OWN_PLUGIN, load_plugin_files
from swift_deepeyes.tools.prompt import (
    PLAIN_INSTRUCTION,
    PLAIN_SYSTEM_PROMPT,
    tool_instruction,
    tool_system_prompt,
)
from tests.evaluation.files import make_vstar
from tests.evaluation.own_tools import BOX, mark, registries_restored, write_tool
from tests.evaluation.policy_server import PolicyServer, text_of

ROOT = Path(swift_deepeyes.__file__).parents[1]


@pytest.fixture(autouse=True)
def registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    with registries_restored():
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[PolicyServer]:
    with PolicyServer(mark) as running:
        yield running


@pytest.fixture(scope="module")
def vstar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vstar(tmp_path_factory.mktemp("vstar"), 2, pairs=0)


def evaluate(
    server: PolicyServer, data: Path, out: Path, *more: object, kind: str = "vstar"
) -> Any:
    arguments = ["eval", kind, "--data", data, "--out", out, "--base-url", server.url]
    arguments += ["--max-pixels", 602_112, "--concurrency", 1, *more]
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def told(done: Any) -> str:
    return " ".join(done.output.split())


def trajectories(out: Path) -> list[Any]:
    log = out / "trajectories" / "eval.jsonl"
    return [json.loads(line)["trajectory"] for line in log.read_text().splitlines()]


def test_a_benchmark_is_asked_with_the_users_tool_and_the_folder_says_so(
    server: PolicyServer, vstar: Path, tmp_path: Path
) -> None:
    tool, out = write_tool(tmp_path), tmp_path / "out"
    own = ["--external_plugins", OWN_PLUGIN, tool, "--toolbox", BOX]
    done = evaluate(server, vstar, out, *own)
    assert done.exit_code == 0, done.output
    own_plugin = sha256(str(OWN_PLUGIN).encode()).hexdigest()
    assert f"_swift_external_{own_plugin}" not in sys.modules  # accepted, and not loaded
    for one in trajectories(out):
        assert one["toolbox"] == BOX and one["crops"] == 1
        assert one["turns"][0]["calls"][0]["status"] == "ok"
    system, user = (text_of(message) for message in server.turns[-1]["messages"][:2])
    assert '"draw_marker_tool"' in system and "image_zoom_in_tool" not in system + user
    assert "call **draw_marker_tool** if needed" in user
    settings = json.loads((out / "settings.json").read_text())
    assert settings["tools"].startswith(f"{BOX}: draw_marker_tool ")

    assert evaluate(server, vstar, out, *own).exit_code == 0  # the same command continues
    other = evaluate(server, vstar, out)
    assert other.exit_code == 2
    assert f"tools was {settings['tools']}, is now None" in told(other)


def test_another_version_of_the_tool_is_another_setting(
    server: PolicyServer, vstar: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    evaluate(server, vstar, out, "--external-plugins", write_tool(tmp_path), "--toolbox", BOX)
    (tmp_path / "b").mkdir()
    changed = write_tool(tmp_path / "b")
    changed.write_text(changed.read_text().replace("width=4", "width=9"))
    done = evaluate(server, vstar, out, "--external-plugins", changed, "--toolbox", BOX)
    assert done.exit_code == 2 and "draw_marker_tool" in told(done)


def test_the_zoom_tool_alone_leaves_the_settings_as_they_were(
    server: PolicyServer, vstar: Path, tmp_path: Path
) -> None:
    assert evaluate(server, vstar, tmp_path / "out").exit_code == 0
    assert "tools" not in json.loads((tmp_path / "out" / "settings.json").read_text())


def test_rows_have_the_toolbox_that_they_name(server: PolicyServer, tmp_path: Path) -> None:
    rows = pq.read_table(build_data(tmp_path, 0, 2, other_rows=1).vstar)
    prompt = [{"role": "system", "content": "Use draw_marker_tool."}]
    prompt.append({"role": "user", "content": "<image>\nWhat is it?"})
    named = [row | {"env_name": BOX, "prompt": prompt} for row in rows.to_pylist()]
    data = tmp_path / "mine.parquet"
    pq.write_table(type(rows).from_pylist(named), data)
    without = evaluate(server, data, tmp_path / "out", kind="parquet")
    assert without.exit_code == 2
    assert f"name the toolbox {BOX}, which is not loaded: --external-plugins" in told(without)
    tool = write_tool(tmp_path)
    done = evaluate(server, data, tmp_path / "out", "--external-plugins", tool, kind="parquet")
    assert {one["toolbox"] for one in trajectories(tmp_path / "out")} == {BOX}, done.output


def test_without_the_tool_a_row_says_nothing_of_it(tmp_path: Path) -> None:
    load_plugin_files([write_tool(tmp_path)])
    toolbox = named_toolbox(BOX)
    texts = {"system": tool_system_prompt(toolbox), "user": "What?" + tool_instruction(toolbox)}
    prompt = tuple(PromptMessage(role=role, text=text) for role, text in texts.items())
    question = Question(
        id="1", images=(), text="?", reference="a", category="c", prompt=prompt, toolbox=BOX
    )
    assert messages_with_tool(question, (), "") == prompt
    plain = messages_without_tool(question, ())
    assert [message.text for message in plain] == [
        PLAIN_SYSTEM_PROMPT,
        "What?" + PLAIN_INSTRUCTION,
    ]


BROKEN = {
    "import no_such_module_here": "(line 1): ModuleNotFoundError: No module named 'no_such_module",
    "x = 1\nraise ValueError('mine')": "(line 2): ValueError: mine",
    "def f(:": "SyntaxError: invalid syntax",
    "import sys; sys.exit(3)": "SystemExit: 3",
    "from swift_deepeyes.tools import Tool, register_tool\n@register_tool('b')\n"
    "class T(Tool):\n    def run(self, a, c): ...": "T has no name",
}


def test_a_file_that_cannot_be_used_is_one_line(
    server: PolicyServer, vstar: Path, tmp_path: Path
) -> None:
    cases = [
        (write_tool(tmp_path, f"t{n}.py", code), line)
        for n, (code, line) in enumerate(BROKEN.items())
    ]
    cases += [(tmp_path / "away.py", "away.py: there is no such file")]
    for file, line in cases:
        done = evaluate(server, vstar, tmp_path / "out", "--external-plugins", file)
        assert done.exit_code == 2 and line in told(done), done.output
        assert done.output.startswith("error: ") and done.output.count("\n") == 1
    unknown = evaluate(server, vstar, tmp_path / "out", "--toolbox", "marker")
    assert unknown.exit_code == 2
    assert "--toolbox marker: there is no such toolbox; there are visual_toolbox_v2" in told(
        unknown
    )


def test_what_is_loaded_in_vain_is_named(
    server: PolicyServer, vstar: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty = write_tool(tmp_path, "empty.py", "x = 1")
    done = evaluate(
        server, vstar, tmp_path / "out", "--external-plugins", empty, write_tool(tmp_path)
    )
    assert done.exit_code == 0
    assert f"{empty} registers no tool" in caplog.text
    assert f"no question uses {BOX}: --toolbox {BOX} asks them" in caplog.text


def test_an_installed_package_brings_its_tools_without_ms_swift(
    server: PolicyServer, vstar: Path, tmp_path: Path
) -> None:
    """The real command in a process of its own; the package announces its module."""
    write_tool(tmp_path, "marking.py")
    announced = tmp_path / "marking-1.0.dist-info"
    announced.mkdir()
    (announced / "METADATA").write_text("Metadata-Version: 2.1\nName: marking\nVersion: 1.0\n")
    (announced / "entry_points.txt").write_text("[swift_deepeyes.tools]\nmine = marking\n")
    program = (
        "import atexit, sys\nfrom swift_deepeyes.cli.main import main\n"
        "atexit.register(lambda: print('swift' in sys.modules))\nmain()"
    )
    arguments = ["vstar", "--data", vstar, "--out", tmp_path / "out", "--base-url", server.url]
    arguments += ["--max-pixels", 602_112, "--toolbox", BOX]
    done = subprocess.run(
        [sys.executable, "-c", program, "eval", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("False\n")
    assert {one["toolbox"] for one in trajectories(tmp_path / "out")} == {BOX}

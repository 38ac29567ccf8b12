"""Every command in every README is parsed by what it starts."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import typer
from swift.utils import parse_args

from swift_deepeyes.cli.main import app
from swift_deepeyes.settings import PREFIX, Settings
from tests.readmes.markdown import PAGES, ROOT, Command, commands_of
from tests.scripts.captured import CLASSES, SCRIPTS

PYPROJECT = (ROOT / "pyproject.toml").read_text()
COMMANDS = [(page.name, command) for page in PAGES for command in page.commands]
# Variables of ms-swift, torchrun and the hub that stand before a command in a README.
OTHERS = {"MAX_PIXELS", "OUTPUT", "NODE_RANK", "SOURCE", "HOST", "LLM_AS_A_JUDGE_BASE"}

OF_EVERY_SCRIPT = {"--help", "--dry-run"}


def ours(words: list[str]) -> None:
    group: Any = typer.main.get_command(app)
    if words[0] == "--debug":  # of the group itself
        words = words[1:]
    command = group.commands[words[0]]
    command.make_context(words[0], words[1:])  # parses, and calls nothing


def swift(words: list[str]) -> None:
    kind = CLASSES[words[0]]
    words = [word for word in words[1:] if not word.endswith(".yaml")]  # the demo writes that file
    _, unknown = parse_args(kind, words)
    assert unknown == []
    # argparse would also take the beginning of a flag's name.
    names = {f"--{field.name}" for field in dataclasses.fields(kind)}
    assert {word for word in words if word.startswith("--")} <= names


def bash(words: list[str]) -> None:
    script = ROOT / words[0]
    assert script.is_file()
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    if script.parent.name == "runs":
        roles = re.findall(r"(\w+)=\w+\.sh", script.read_text())
        assert words[1] in roles
    options = {word for word in words[1:] if word.startswith("--")} - OF_EVERY_SCRIPT
    if words[1:2] == ["train"]:  # which go to ms-swift
        swift(["rlhf", *(word for word in words[2:] if word not in OF_EVERY_SCRIPT)])
    else:
        assert all(option in script.read_text() for option in options), options


def python(words: list[str]) -> None:
    if words[:2] == ["-m", "pytest"]:
        assert all((ROOT / word).exists() for word in words if word.startswith("tests/"))
    else:
        assert (ROOT / words[0]).is_file()


def pip(words: list[str]) -> None:
    (extras,) = re.findall(r"\[([\w,]+)\]", " ".join(words))
    if "-c" in words:
        assert (ROOT / words[words.index("-c") + 1]).is_file()
    for extra in extras.split(","):
        assert re.search(rf"^{extra} = \[", PYPROJECT, re.M), extra


def anything(words: list[str]) -> None:
    """Programs of others, whose words are theirs."""


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "swift-deepeyes": ours,
    "swift": swift,
    "bash": bash,
    "python": python,
    "pip": pip,
    **dict.fromkeys(("git", "cd", "source", "hf", "modelscope", "export"), anything),
    **dict.fromkeys(("ruff", "mypy", "lint-imports", "pre-commit"), anything),
}


@pytest.fixture(autouse=True)
def no_checks_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in CLASSES.values():
        monkeypatch.setattr(kind, "__post_init__", lambda self: None)


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda value: str(value)[:60])
def test_a_command_is_one(page: str, command: Command) -> None:
    known = set(Settings.model_fields)
    for variable in command.variables:
        name = variable.partition("=")[0]
        if name.startswith(PREFIX):
            assert name.removeprefix(PREFIX).lower() in known
        else:
            assert name in OTHERS or f"{name}:" in _all_scripts(), name
    if command.words:
        PROGRAMS[command.words[0]](list(command.words[1:]))


def test_the_commands_were_found() -> None:
    programs = {command.words[0] for _, command in COMMANDS if command.words}
    assert programs >= {"swift-deepeyes", "swift", "bash", "python", "pip", "git"}


@pytest.mark.parametrize(
    "wrong",
    [
        "swift-deepeyes evall vstar",
        "swift-deepeyes eval vstar --data x --out y --base-url http://h/v1 --toool on",
        "swift rlhf --rlhf_type grpo --modell x",
        "bash scripts/none.sh",
        "bash scripts/runs/7b_1_node.sh trian",
        "bash scripts/runs/7b_1_node.sh train --learning_rat 5e-7",
        "pip install -e '.[gpu]' -c scripts/none.txt",
        "pip install -e '.[gpus]'",
        "DEEPEYES_JUGDE=rule swift-deepeyes doctor",
    ],
)
def test_a_wrong_command_is_seen(wrong: str) -> None:
    (command,) = commands_of(wrong)
    with pytest.raises(BaseException):  # noqa: B017  # each program's own way of refusing
        test_a_command_is_one("", command)


def _all_scripts() -> str:
    return "".join(path.read_text() for path in SCRIPTS.rglob("*.sh"))

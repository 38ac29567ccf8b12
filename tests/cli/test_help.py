"""The help of every command: short lines, examples that the real parser takes, `-h`, versions."""

from __future__ import annotations

import shlex
from importlib.metadata import version
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from swift_deepeyes import __version__
from swift_deepeyes.cli.examples import EXAMPLES, FIRST_EXAMPLES
from swift_deepeyes.cli.main import app

GROUP: Any = typer.main.get_command(app)
COMMANDS = sorted(GROUP.commands)
WIDTH = 80


def page(*arguments: str) -> str:
    run = CliRunner().invoke(app, list(arguments), env={"COLUMNS": str(WIDTH)})
    assert run.exit_code == 0, run.output
    return run.output


def examples(text: str) -> list[list[str]]:
    """The commands among the lines, as a shell would split them."""
    lines = text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def parse(words: list[str]) -> None:
    """Raises what the command's own parser does."""
    with GROUP.make_context("swift-deepeyes", words[1:]) as context:
        name, command, rest = GROUP.resolve_command(context, words[1:])
        with command.make_context(name, rest, parent=context):
            pass


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_80_columns_and_ends_with_examples(name: str) -> None:
    text = page(name, "-h")
    assert text == page(name, "--help")
    assert max(map(len, text.splitlines())) <= WIDTH
    shown = text.partition(" Examples:\n\n")[2].rstrip("\n")
    assert [line.strip() for line in shown.splitlines()] == [
        line.strip() for line in EXAMPLES[name].strip().splitlines()
    ]
    assert 1 <= shown.count("swift-deepeyes ") <= 4


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help(name: str) -> None:
    silent = [one.name for one in GROUP.commands[name].params if not getattr(one, "help", "")]
    assert not silent


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_taken_by_the_parser(name: str) -> None:
    ours = [words for words in examples(EXAMPLES[name]) if words[0] == "swift-deepeyes"]
    assert ours and all(words[1] == name for words in ours)
    for words in ours:
        parse(words)


def test_a_wrong_example_would_be_seen() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["swift-deepeyes", "plan", "--modle", "7b"])
    with pytest.raises(Exception, match="Missing parameter"):
        parse(["swift-deepeyes", "eval", "vstar"])


def test_the_first_page() -> None:
    text = page("-h")
    assert text == page("--help")
    assert max(map(len, text.splitlines())) <= WIDTH
    for name in COMMANDS:
        assert f"│ {name} " in text
    for words in examples(FIRST_EXAMPLES):
        if "--help" not in words:
            parse(words)
    alone = CliRunner().invoke(app, [], env={"COLUMNS": str(WIDTH)})
    assert alone.exit_code in (0, 2) and alone.output.strip() == text.strip()


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_the_version_everywhere(name: str | None) -> None:
    said = page(*filter(None, [name]), "--version")
    assert said.startswith(f"swift-deepeyes {__version__} (ms-swift {version('ms-swift')}, Python")
    assert len(said.splitlines()) == 1

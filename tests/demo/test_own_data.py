"""What the demo leaves for data of one's own, read by ms-swift's own reader of configurations."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from swift.cli.main import parse_yaml_args
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.demo import commands
from swift_deepeyes.demo.options import DemoFamily, DemoOptions
from swift_deepeyes.demo.own_data import write_own_data
from swift_deepeyes.demo.toy import build_data


def values(arguments: list[str]) -> dict[str, list[str]]:
    """The values of each option; the last one counts, as for the parser."""
    names = [at for at, one in enumerate(arguments) if one.startswith("--")]
    ends = [*names[1:], len(arguments)]
    return {arguments[at]: arguments[at + 1 : end] for at, end in zip(names, ends, strict=True)}


@pytest.mark.parametrize("family", DemoFamily)
def test_the_printed_commands_are_the_demos_run_on_the_made_data(
    family: DemoFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = DemoOptions(output=tmp_path / "my demo", family=family)
    build_data(options.data, 0, 2, other_rows=1, family=options.toy)
    lines = write_own_data(options, tmp_path / "toy", steps=5)
    *activate, make, train = map(shlex.split, lines)
    assert not activate or (activate[0][0] == "source" and Path(activate[0][1]).is_file())

    monkeypatch.chdir(tmp_path)
    assert make[0] == "swift-deepeyes"
    done = CliRunner().invoke(app, [*make[1:], "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert "32 rows; 0 left out" in done.output

    for name in ("MAX_PIXELS", "DEEPEYES_JUDGE", "DEEPEYES_CROP_SOURCE", "DEEPEYES_LOG_DIR"):
        monkeypatch.setenv(name, "of the test's shell")  # what is set is kept; undone at the end
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    arguments = train[2:]
    assert train[:2] == ["swift", "rlhf"]
    parse_yaml_args(arguments)
    assert os.environ["MAX_PIXELS"] == str(options.toy.view.pixels)
    assert os.environ["DEEPEYES_JUDGE"] == "rule"
    changed = {"--model", "--max_steps", "--save_steps", "--output_dir"}
    changed |= {"--custom_dataset_info", "--dataset"}
    read, usual = values(arguments), values(commands.grpo_arguments(options)[1:])
    assert {name for name in usual if read[name] != usual[name]} == changed
    assert read.keys() == usual.keys()
    assert Path(read["--custom_dataset_info"][0]).is_file()
    assert read["--dataset"] == ["deepeyes_questions"] and read["--max_steps"] == ["5"]

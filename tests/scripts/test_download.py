"""The download script, with a stand-in for the download itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.scripts.captured import ROOT, SCRIPTS, run, stand_in

DOWNLOADER = """#!/usr/bin/env bash
echo "$0 $*" >>"$CALL"
while [ "$1" != --local_dir ] && [ "$1" != --local-dir ]; do shift; done
cd "$2"
truncate -s 990263397 data_0.1.2_visual_toolbox_v2.parquet
truncate -s 2198504506 data_v0.8_visual_toolbox_v2.parquet
truncate -s "${LAST_SIZE:-1656152904}" data_thinklite_reasoning_acc.parquet
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the scripts, so that data/ is not the real one."""
    shutil.copytree(SCRIPTS, tmp_path / "clone/scripts")
    for name in ("modelscope", "hf"):
        stand_in(tmp_path / "bin", name, DOWNLOADER)
    return tmp_path / "clone"


@pytest.mark.parametrize(
    ("source", "beginning"),
    [
        ("modelscope", "modelscope download --dataset Lixiang/ChenShawn-DeepEyes-Datasets-47k "),
        ("hf", "hf download ChenShawn/DeepEyes-Datasets-47k "),
    ],
)
def test_download(tmp_path: Path, clone: Path, source: str, beginning: str) -> None:
    script = clone / "scripts/download_data.sh"
    result = run(script, tmp_path, SOURCE=source)
    assert result.returncode == 0, result.stderr
    (call,) = (tmp_path / "call.json").read_text().splitlines()
    assert call.partition("/bin/")[2].startswith(beginning)
    assert call.count(".parquet") == 3
    expected = json.loads((ROOT / "dataset_info.json").read_text())
    assert {entry["dataset_path"] for entry in expected} == {
        f"data/{file.name}" for file in (clone / "data").iterdir()
    }
    assert run(script, tmp_path, SOURCE=source).returncode == 0
    assert len((tmp_path / "call.json").read_text().splitlines()) == 1  # nothing is fetched twice


def test_an_interrupted_download_is_named_and_goes_on(tmp_path: Path, clone: Path) -> None:
    script = clone / "scripts/download_data.sh"
    result = run(script, tmp_path, LAST_SIZE="1000")
    assert result.returncode == 1
    assert "data_thinklite_reasoning_acc.parquet: 1000 bytes, expected 1656152904" in result.stderr
    assert run(script, tmp_path).returncode == 0
    assert (tmp_path / "call.json").read_text().splitlines()[1].count(".parquet") == 1

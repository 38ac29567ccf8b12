"""`scripts/rehearse.py` on the smallest run, and on it with a mended defect put back.

The others take minutes each and are rehearsed by that command alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.toy import Toy
from tests.scripts.captured import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
NAME = "3b_lora_1_gpu"


def rehearsed(toy: Toy, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = str(ROOT / "scripts/rehearse.py")
    options = ["--quick", "--toy", str(toy.checkpoint), "--output", str(folder)]
    command = [sys.executable, program, *words, *options]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_run_reaches_its_limits_is_stopped_and_goes_on(toy: Toy, tmp_path: Path) -> None:
    done = rehearsed(toy, tmp_path, NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith(f"| {NAME} "))
    for limit in ("max_turns", "context_full", "image_limit", "beyond the prompt's limit"):
        assert limit in line
    assert "2 of 2" in line and "from step 1 (SIG" in line and re.search(r"\| ok +\|$", line)


def test_the_old_limit_of_the_prompt_makes_it_fail(toy: Toy, tmp_path: Path) -> None:
    """The first run on a GPU died of it in its second turn."""
    done = rehearsed(toy, tmp_path, NAME, "--fault", "max-length")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "MaxLengthError" in done.stdout and "| failed |" in done.stdout

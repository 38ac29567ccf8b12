"""The process that compares formulas: files, slow starts, slow formulas."""

from __future__ import annotations

import os
import resource
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swift_deepeyes.judge.rules import decide, math_process, maths
from swift_deepeyes.judge.rules.math_process import WORKER, MathProcess
from swift_deepeyes.scoring.verdict import Outcome, QuestionKind
from tests.judge.judging import ask

SLOW = "9^{9^{9^{9}}}"


@pytest.fixture
def many_files() -> Iterator[None]:
    """More than 1,024 open files, as a trainer with many data shards has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)
    if wanted < 1300:
        pytest.skip("the system allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    yield
    for file in files:
        os.close(file)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_more_than_1024_open_files() -> None:
    process = MathProcess()
    assert process.equal("2", "1+1", 5.0) is True
    child = process._child
    assert child is not None and child.stdout is not None and child.stdout.fileno() > 1024


def test_no_more_files_at_all_leaves_it_undecided(caplog: pytest.LogCaptureFixture) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    process = MathProcess(start_seconds=0.05)
    opened = os.open(os.devnull, os.O_RDONLY)
    os.close(opened)
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 1, hard))
    try:
        outcome = process.equal("1", "1", 5.0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert outcome is None
    assert "did not start" in caplog.text


def late_worker(folder: Path, seconds: float) -> Path:
    """The real worker, whose imports take longer."""
    path = folder / "late_worker.py"
    path.write_text(
        textwrap.dedent(
            f"""
            import runpy, sys, time
            time.sleep({seconds})
            runpy.run_path({str(WORKER)!r}, run_name="__main__")
            """
        )
    )
    return path


def test_a_slow_start_is_waited_for(tmp_path: Path) -> None:
    process = MathProcess(late_worker(tmp_path, 1.0), start_seconds=60.0)
    pairs = [("1", "1", True), ("1", "2", False), ("x+1", "1+x", True), ("x", "y", False)]
    assert [process.equal(one, other, 5.0) for one, other, _ in pairs] == [s for *_, s in pairs]


def test_a_start_slower_than_its_limit_decides_nothing_and_shifts_nothing(tmp_path: Path) -> None:
    process = MathProcess(late_worker(tmp_path, 1.0), start_seconds=0.3)
    assert process.equal("1", "1", 5.0) is None
    started = time.monotonic()
    assert process.equal("1", "2", 5.0) is None  # it rests, and costs nothing meanwhile
    assert time.monotonic() - started < 2.0  # not 5
    process._start_seconds, process._rests_until = 60.0, 0.0
    assert [process.equal("1", other, 5.0) for other in ("1", "2", "1")] == [True, False, True]


def test_a_late_reply_is_not_the_next_questions(tmp_path: Path) -> None:
    path = tmp_path / "echo.py"
    path.write_text(
        textwrap.dedent(
            """
            import json, sys
            def say(number, outcome):
                print(json.dumps({"number": number, "outcome": outcome}), flush=True)
            say(0, None)
            for line in sys.stdin:
                number = json.loads(line)["number"]
                say(number - 1, False)  # late
                say(number, True)
            """
        )
    )
    process = MathProcess(path)
    assert [process.equal("1", "1", 5.0) for _ in range(3)] == [True] * 3


def test_slow_formulas_do_not_switch_off_the_others() -> None:
    process = MathProcess()
    assert process.equal("1", "1", 5.0) is True
    for number in range(math_process.SLOW_ALLOWED + 1):
        assert process.equal(str(number), SLOW, 0.2) is None
    assert process._is_hurried()
    assert process.equal("x+1", "1+x", 5.0) is True
    assert process.equal("x+1", "2+x", 5.0) is False


def test_undecided_is_not_wrong_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        calls = 0

        def equal(self, *_: object) -> bool | None:
            self.calls += 1
            return None if self.calls == 1 else True

    monkeypatch.setattr(maths, "_process", Slow())
    maths._equal.cache_clear()
    question = ask("(x+3)^2", reference="x^2+6x+9", kind=QuestionKind.MATH)
    assert decide(question) is Outcome.UNREADABLE
    assert decide(question) is Outcome.RIGHT
    assert decide(question) is Outcome.RIGHT
    maths._equal.cache_clear()


def test_a_right_formula_after_slow_ones_is_right() -> None:
    for number in range(math_process.SLOW_ALLOWED + 1):
        maths._process.equal(str(number), SLOW, 0.2)
    question = ask(r"\sqrt{75}", reference=r"5\sqrt{3}", kind=QuestionKind.MATH)
    try:
        assert decide(question) is Outcome.RIGHT
    finally:
        maths._process._kills.clear()

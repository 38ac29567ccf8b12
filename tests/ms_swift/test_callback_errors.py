"""A log directory that cannot be, and figures that are none: told once, and no run ends for it."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from swift_deepeyes.ms_swift import callback
from swift_deepeyes.ms_swift.callback import DeepEyesMetrics
from swift_deepeyes.ms_swift.rewards import DeepEyesReward


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    monkeypatch.setattr(callback, "gather_object", list)


def run(logs: dict[str, Any]) -> list[float]:
    """Two steps of a trainer as its callback sees them; returns the accuracy of each."""
    accuracies: list[float] = []
    state = SimpleNamespace(global_step=0, max_steps=2, is_world_process_zero=True)
    curves: dict[str, list[float]] = defaultdict(list)
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(process_index=0, num_processes=1),
        model=SimpleNamespace(training=True),
        state=state,
        num_generations=2,
        num_generations_eval=2,
        dynamic_sample=False,
        reward_func_names=["DeepEyesReward"],
        _metrics={"train": curves, "eval": defaultdict(list)},
        _logs={"advantages": [], "rewards": {}},
    )
    args = SimpleNamespace(output_dir="output/run")
    callback = DeepEyesMetrics(args, trainer)
    callback.on_train_begin(args, state, None)
    for _ in range(2):
        columns = {"data_source": ["vstar"] * 2, "solution": ["red"] * 2, "trainer_state": state}
        answers = ["<answer>red</answer>", "<answer>blue</answer>"]
        asyncio.run(DeepEyesReward()(answers, prompt_id=["p"] * 2, **columns))
        state.global_step += 1
        callback.on_step_end(args, state, None)
        accuracies += curves.pop("deepeyes/accuracy/all", [])
        callback.on_log(args, state, None, logs)
    callback.on_train_end(args, state, None)
    return accuracies


@pytest.mark.parametrize("folder", ["~nobody-of-this-name/log", "/dev/null/log", "{file}/log"])
def test_a_bad_log_folder_is_told_once_and_the_curves_stay(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEEPEYES_LOG_DIR", folder.format(file=tmp_path / "file"))
    accuracies = run({"loss": 0.5})
    errors = [line for line in caplog.records if line.levelno >= logging.ERROR]
    assert len(errors) == 1 and "DEEPEYES_LOG_DIR" in errors[0].getMessage()
    assert accuracies == [0.5, 0.5]


def test_a_figure_that_is_none_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DEEPEYES_LOG_DIR", str(tmp_path / "log"))
    run({"loss": 10**400, "grad_norm": float("nan"), "epoch": "first"})
    assert caplog.text.count("no longer recorded; training goes on") == 1

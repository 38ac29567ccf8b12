"""Rows that no dataset should contain: none of them stops a run, each gets a reward."""

from __future__ import annotations

import asyncio
import copy
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.rewards import (
    DeepEyesAccuracy,
    DeepEyesFormat,
    DeepEyesReward,
    DeepEyesTool,
)
from swift_deepeyes.scoring.row import COLUMNS

WORDS = st.sampled_from(
    [
        "",
        "red",
        "A",
        "vstar",
        "thinklite_eureka",
        "assistant",
        "user",
        "<image>",
        "<answer>red</answer>",
        r"\boxed{\frac{1}{2}}",
        "<think>",
        "</think>",
        "<|image_pad|>",
        "\ud800",
        "{}",
        "[" * 5000,
        '{"ground_truth": NaN}',
    ]
)
MESSAGE_KEYS = ["role", "content", "type", "text", "messages"]
RECORD_KEYS = ["deepeyes", "turns", "crops", "source_images", "images", "toolbox", "calls"]
TRUTH_KEYS = ["ground_truth", "question", "answer", "index", "style"]
KEYS = st.sampled_from([*MESSAGE_KEYS, *RECORD_KEYS, *TRUTH_KEYS])
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    WORDS,
    st.text(max_size=20),
    st.binary(max_size=4),
    st.just(np.int64(3)),
    st.just(np.array(["assistant", "red"])),
    st.just(object),
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {}, optional={"text": WORDS, "observation": WORDS | st.none(), "calls": JUNK}
    ),
    max_size=3,
)
RECORD = st.fixed_dictionaries(
    {"turns": TURNS, "source_images": st.just(1)},
    optional={"crops": st.integers(-3, 3), "toolbox": WORDS, "stop_reason": JUNK},
)
MESSAGES = st.lists(
    st.fixed_dictionaries({}, optional={"role": WORDS, "content": JUNK}), max_size=5
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(COLUMNS, JUNK),
        "messages": MESSAGES | JUNK,
        "rollout_infos": st.fixed_dictionaries({"deepeyes": RECORD | JUNK}) | JUNK,
        "data_source": WORDS | JUNK,
        "solution": WORDS | JUNK,
    },
)


@pytest.fixture(autouse=True)
def rule_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")


def four(completions: list[Any], columns: dict[str, Any]) -> list[list[float | None]]:
    async def gathered() -> list[list[float | None]]:
        functions = (DeepEyesReward(), DeepEyesAccuracy(), DeepEyesFormat(), DeepEyesTool())
        return await asyncio.gather(*(function(completions, **columns) for function in functions))

    return asyncio.run(gathered())


@pytest.mark.parametrize("mode", ["strict", "official"])
@given(rows=st.lists(st.tuples(WORDS | JUNK, ROW), max_size=4))
@hypothesis_settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_row_gets_a_reward(
    mode: str, rows: list[tuple[Any, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPEYES_SCORING", mode)
    process.reset()
    names = {name for _, row in rows for name in row}
    columns: dict[str, Any] = {name: [row.get(name) for _, row in rows] for name in names}
    completions = [completion for completion, _ in rows]
    before = repr(copy.deepcopy((completions, columns)))

    total, accuracy, form, tool = four(completions, columns)

    assert all(isinstance(value, float) and math.isfinite(value) for value in total)
    assert all(-0.4 <= value <= 2.0 for value in total)
    assert set(accuracy) <= {0.0, 1.0, None}
    assert set(form) <= {0.0, -1.0}
    assert set(tool) <= {0.0, 1.0}
    assert all(right for bonus, right in zip(tool, accuracy, strict=True) if bonus)
    assert [len(values) for values in (total, accuracy, form, tool)] == [len(rows)] * 4
    assert repr((completions, columns)) == before


@given(columns=st.dictionaries(st.sampled_from(COLUMNS), JUNK))
@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_columns_that_are_no_columns(columns: dict[str, Any]) -> None:
    process.reset()
    assert [len(values) for values in four(["<answer>red</answer>"] * 3, columns)] == [3] * 4

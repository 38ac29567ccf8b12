"""Turns that no log could hold: the evaluation's folder can be written, read and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.episode.trajectory import CallStatus, StopReason
from swift_deepeyes.evaluation.folder import EvaluationFolder
from tests.evaluation.files import make_vstar, training_row, write_parquet
from tests.evaluation.policy_server import PolicyServer
from tests.evaluation.running import Evaluate

BODY = '{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [0, 0, 200, 200], "label": %s}}'
DEEP = "[" * 300 + "]" * 300
DRAFT = f"<tool_call>{BODY % DEEP}</tool_call>"


@pytest.mark.parametrize("label", [DEEP, '{"a":' * 300 + "1" + "}" * 300, '"\\ud83d"'])
def test_a_call_that_no_record_could_carry(
    label: str, tmp_path: Path, run_evaluation: Evaluate
) -> None:
    def policy(messages: list[dict[str, Any]], seed: int) -> str:
        if len(messages) > 2:
            return "<think>\ud83d</think><answer>A \udc00</answer>"
        return f"<think>\udfff</think><tool_call>{BODY % label}</tool_call>"

    data = make_vstar(tmp_path / "vstar", 3)
    with PolicyServer(policy) as server:
        first = run_evaluation(server, data, tmp_path / "out", limit=2)
        asked = len(server.turns)
        second = run_evaluation(server, data, tmp_path / "out")
        assert (asked, len(server.turns)) == (4, 6)  # the first two were read again
    assert first.is_complete and second.is_complete
    with EvaluationFolder(tmp_path / "out") as folder:
        lines = folder.read().values()
    assert [[call.status for call in line.trajectory.calls] for line in lines] == (
        [[CallStatus.MALFORMED_CALL]] * 3
    )


def test_a_draft_in_a_thought_that_the_prompt_opened_ends_nothing(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    def policy(messages: list[dict[str, Any]], seed: int) -> str:
        draft = f"It may be <answer>A</answer> or {DRAFT}.\n</think>\n"
        call = f"<tool_call>{BODY % 'null'}</tool_call>"
        return draft + ("<answer>A</answer>" if len(messages) > 2 else call)

    data = make_vstar(tmp_path / "vstar", 3)
    with PolicyServer(policy) as server:
        report = run_evaluation(server, data, tmp_path / "out")
    assert report.is_complete
    with EvaluationFolder(tmp_path / "out") as folder:
        lines = folder.read().values()
    assert {line.trajectory.stop_reason for line in lines} == {StopReason.ANSWERED}
    assert {line.trajectory.crops for line in lines} == {1}
    assert {(line.score.answer, line.score.format_errors) for line in lines} == {("A", ())}


def test_the_instruction_is_that_of_the_last_question(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    row = training_row(1, "What colour?", "red")
    shot = [
        {"role": "user", "content": "How many?\nThink first, call **shot** if needed."},
        {"role": "assistant", "content": "<answer>3</answer>"},
    ]
    row["prompt"] = [row["prompt"][0], *shot, row["prompt"][1]]
    rows = write_parquet(tmp_path / "rows.parquet", [row])

    def policy(messages: list[dict[str, Any]], seed: int) -> str:
        called = any("tool_response" in str(message) for message in messages)
        return "<answer>red</answer>" if called else f"<tool_call>{BODY % 'null'}</tool_call>"

    with PolicyServer(policy) as server:
        run_evaluation(server, rows, tmp_path / "out", benchmark="parquet")
    with EvaluationFolder(tmp_path / "out") as folder:
        (line,) = folder.read().values()
    observation = line.trajectory.turns[0].observation
    assert observation is not None and "call **x** if needed" in observation
    assert line.question == "What colour?"

"""What a server took away is never an answer; the rest of the evaluation goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.episode.trajectory import StopReason
from swift_deepeyes.record.record import LoggedTrajectory
from tests.evaluation.files import make_vstar
from tests.evaluation.policy_server import PolicyServer, look, say_a
from tests.evaluation.running import Evaluate

CALL = [{"id": "1", "type": "function", "function": {"name": "image_zoom_in_tool"}}]


class Altered(PolicyServer):
    """Replaces the choice of every third question's reply."""

    def __init__(self, change: dict[str, Any], finish: str = "stop", every: int = 3) -> None:
        super().__init__(look)
        self.change, self.finish, self.every = change, finish, every

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        content = super().answer(request)
        asked = json.dumps(request["messages"])
        numbers = range(0, 20, self.every)
        if any(f"square {number}?" in asked for number in numbers):
            choice = content["choices"][0]
            choice["message"] = {"role": "assistant", **self.change}
            choice["finish_reason"] = self.finish
        return content


@pytest.mark.parametrize(
    ("change", "finish", "reason"),
    [
        ({"content": None, "tool_calls": CALL}, "tool_calls", "--tool-call-parser"),
        ({"content": None, "reasoning_content": "x"}, "stop", "--reasoning-parser"),
        ({"content": "x"}, "content_filter", "content filter"),
        ({"content": "x"}, "abort", "finish_reason abort"),
        ({"content": 5}, "stop", "another type"),
    ],
)
def test_such_replies_are_not_run_and_the_rest_is(
    change: dict[str, Any],
    finish: str,
    reason: str,
    tmp_path: Path,
    run_evaluation: Evaluate,
) -> None:
    with Altered(change, finish) as server:
        data = make_vstar(tmp_path / "vstar", 6, pairs=0)
        report = run_evaluation(server, data, tmp_path / "out", retries=1)
    mode = report.figures.modes[0]
    assert (mode.not_run, mode.planned) == (2, 6)
    assert mode.accuracy is not None
    assert mode.accuracy.questions == 4
    assert not report.is_complete
    assert all(reason in why for why in report.not_run.values())
    assert any(reason in remark for remark in report.remarks)


def test_a_thought_that_was_taken_out_is_put_back(tmp_path: Path, run_evaluation: Evaluate) -> None:
    change = {"content": "\n\n<answer>A</answer>", "reasoning_content": "It is <answer>B</answer>."}
    with Altered(change, every=1) as server:
        data = make_vstar(tmp_path / "vstar", 4, pairs=0)
        report = run_evaluation(server, data, tmp_path / "out", shuffle_seed=None)
    assert report.is_complete
    assert report.figures.modes[0].accuracy is not None
    assert report.figures.modes[0].accuracy.value == 1
    assert any("4 turns" in remark and "--reasoning-parser" in remark for remark in report.remarks)


def test_empty_replies_are_scored_and_told(tmp_path: Path, run_evaluation: Evaluate) -> None:
    with PolicyServer(lambda messages, seed: "") as server:
        data = make_vstar(tmp_path / "vstar", 4, pairs=0)
        report = run_evaluation(server, data, tmp_path / "out")
    assert report.is_complete
    assert report.figures.modes[0].accuracy is not None
    assert report.figures.modes[0].accuracy.value == 0
    assert any("4 trajectories hold an EMPTY reply" in remark for remark in report.remarks)


def test_a_lone_surrogate_goes_through_the_whole_evaluation(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    def zoom(messages: list[dict[str, Any]], seed: int) -> str:
        if len(messages) > 2:
            return "<answer>\udc00 A</answer>"
        return '<tool_call>{"name": "image_zoom_in_tool\ud800", "arguments": {}}</tool_call>'

    with PolicyServer(zoom) as server:
        data = make_vstar(tmp_path / "vstar", 2, pairs=0)
        report = run_evaluation(server, data, tmp_path / "out")
        asked = len(server.turns)
        assert report.is_complete
        again = run_evaluation(server, data, tmp_path / "out")
        assert len(server.turns) == asked
    assert again.figures == report.figures


class Limited(PolicyServer):
    """vLLM with `--limit-mm-per-prompt`, or a context that its model list does not tell."""

    def __init__(self, message: str, images: int = 99, words: int = 99_999) -> None:
        super().__init__(always_zoom, max_model_len=None)
        self.message, self.images, self.words = message, images, words
        self.fits = self._fits  # type: ignore[method-assign]

    def _fits(self, request: dict[str, Any]) -> bool:
        parts = [
            p for m in request["messages"] if isinstance(m["content"], list) for p in m["content"]
        ]
        images = sum(part["type"] == "image_url" for part in parts)
        needed = self.prompt_tokens(request["messages"]) + request["max_tokens"]
        return images <= self.images and needed <= self.words


def always_zoom(messages: list[dict[str, Any]], seed: int) -> str:
    call = {"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [0, 0, 200, 200]}}
    return f"<think>again</think><tool_call>{json.dumps(call)}</tool_call>"


@pytest.mark.parametrize(
    ("images", "words", "message", "stop"),
    [
        (2, 99_999, "At most 2 image(s) may be provided in one prompt.", StopReason.IMAGE_LIMIT),
        (
            99,
            1500,
            "This model's maximum context length is 1500 tokens. However, you requested more.",
            StopReason.CONTEXT_FULL,
        ),
    ],
)
def test_a_limit_that_is_only_told_in_a_refusal_ends_the_trajectory(
    images: int,
    words: int,
    message: str,
    stop: StopReason,
    tmp_path: Path,
    run_evaluation: Evaluate,
) -> None:
    with Limited(message, images, words) as server:
        server.refusal = message
        data = make_vstar(tmp_path / "vstar", 4, pairs=0)
        report = run_evaluation(server, data, tmp_path / "out", max_turns=30)
    assert report.is_complete, report.not_run
    lines = (tmp_path / "out" / "trajectories" / "eval.jsonl").read_text().splitlines()
    ends = [LoggedTrajectory.model_validate_json(line).trajectory for line in lines]
    assert {end.stop_reason for end in ends} == {stop}
    assert {end.crops for end in ends} == {1} or stop is StopReason.CONTEXT_FULL


def test_a_limit_below_the_question_itself_is_told(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    with Limited("", images=0) as server:
        server.refusal = "At most 0 image(s) may be provided in one prompt."
        data = make_vstar(tmp_path / "vstar", 2, pairs=0)
        report = run_evaluation(server, data, tmp_path / "out")
    assert not report.is_complete
    assert all("At most 0 image" in reason for reason in report.not_run.values())


def test_a_fault_of_ours_costs_one_trial(
    tmp_path: Path, run_evaluation: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from swift_deepeyes.evaluation.driver import Driver

    play = Driver.play

    async def faulty(self: Driver, trial: Any) -> Any:
        if trial.question.id.endswith("sa_1"):
            raise ZeroDivisionError("a bug")
        return await play(self, trial)

    monkeypatch.setattr(Driver, "play", faulty)
    with PolicyServer(say_a) as server:
        report = run_evaluation(server, make_vstar(tmp_path / "v", 4, pairs=0), tmp_path / "out")
    assert list(report.not_run.values()) == ["ZeroDivisionError: a bug"]
    assert report.figures.modes[0].accuracy is not None

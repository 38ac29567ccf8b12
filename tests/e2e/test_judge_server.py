"""Rewards against a real `swift deploy`, and a training run whose judge dies and comes back."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.processes import SwiftProcess, free_port
from swift_deepeyes.judge import make_judge
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, QuestionKind
from swift_deepeyes.settings import Settings
from tests.e2e.toy import Toy, training_steps
from tests.judge.chat_server import ChatServer

pytestmark = pytest.mark.e2e


def questions(count: int) -> list[JudgeQuestion]:
    return [
        JudgeQuestion(
            kind=QuestionKind.OPEN,
            question=f"What is sign number {number} about?",
            reference=f"It forbids parking before {number} o'clock.",
            answer=f"You may not leave a car there until {number}.",
        )
        for number in range(count)
    ]


def test_rewards_against_swift_deploy(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    arguments = [
        "deploy",
        *commands.toy_arguments(toy.checkpoint),
        *("--external_plugins", str(commands.TOY_PLUGIN)),
        *("--infer_backend", "vllm"),
        *commands.toy_vllm_arguments(),
        *("--max_length", "4096"),
        *("--served_model_name", "judge"),
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
    ]
    # A judge's prompt has more tokens in the toy's alphabet than the toy was made for.
    arguments[arguments.index("--vllm_max_model_len") + 1] = "4096"
    environment = {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"}
    with SwiftProcess(arguments, tmp_path / "deploy.log", environment) as server:
        server.wait_for_line("Application startup complete", 300)
        url = f"http://127.0.0.1:{port}/v1"
        judge = make_judge(Settings(judge_base_url=(url,), judge_wait=20))
        for _ in range(2):  # two batches, each in an event loop of its own
            verdicts = asyncio.run(judge.verdicts(questions(4)))
            assert len(verdicts) == 4
        assert judge.totals.asked >= 4 and judge.totals.failed == 0
        # A toy cannot judge, but what it can say is a verdict: the server decodes it guided.
        deciders = {verdict.decided_by for verdict in verdicts}
        assert deciders <= {Decider.SERVER, Decider.CACHE, Decider.RULE_AFTER_UNREADABLE}
        assert all(verdict.outcome is not Outcome.UNREADABLE for verdict in verdicts)
        check_rewards(url, monkeypatch)


def check_rewards(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reward functions, as ms-swift calls them, with this server as the judge."""
    from swift_deepeyes.ms_swift.process import process
    from swift_deepeyes.ms_swift.rewards import DeepEyesAccuracy, DeepEyesReward

    monkeypatch.setenv("DEEPEYES_JUDGE_BASE_URL", url)
    process.reset()
    try:
        texts = [f"<think>I look.</think><answer>{q.answer}</answer>" for q in questions(3)]
        columns = {
            "data_source": ["vstar"] * 3,
            "reward_model": [{"ground_truth": q.reference} for q in questions(3)],
            "extra_info": [{"question": q.question} for q in questions(3)],
        }
        accuracy = asyncio.run(DeepEyesAccuracy()(texts, **columns))
        reward = asyncio.run(DeepEyesReward()(texts, **columns))
    finally:
        process.reset()
    assert all(value in (0.0, 1.0) for value in accuracy)
    assert reward == [0.8 * value if value else 0.0 for value in accuracy]


def test_training_goes_on_when_the_judge_dies_and_returns(toy: Toy, tmp_path: Path) -> None:
    server = ChatServer()
    server.script.reply = lambda request: "0"
    # `official` scoring asks the server about every visual answer.
    environment = {
        "DEEPEYES_JUDGE_BASE_URL": server.url,
        "DEEPEYES_SCORING": "official",
        "DEEPEYES_JUDGE_WAIT": "120",
        "DEEPEYES_CROP_SOURCE": "original",
    }
    arguments = toy.grpo(tmp_path / "grpo", max_steps="4", num_generations="4")

    def die_and_return() -> None:
        while len(server.log.served) < 20:  # in the middle of the second batch
            time.sleep(0.02)
        server.stop()
        time.sleep(8)
        server.start()

    with server, SwiftProcess(arguments, tmp_path / "train.log", environment) as trainer:
        accident = threading.Thread(target=die_and_return, daemon=True)
        accident.start()
        trainer.wait(600)
        accident.join(10)
        log = trainer.read_log()
    assert len(training_steps(tmp_path / "grpo")) == 4
    assert "judge" in log.lower() and "away" in log.lower()

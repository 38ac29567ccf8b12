"""What a run says on the console: what it is, once, and a line for each logged step."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from swift_deepeyes import __version__
from swift_deepeyes.demo.families import family_template
from swift_deepeyes.ms_swift import callback
from swift_deepeyes.ms_swift.compat import INSTALLED
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.rewards import DeepEyesReward
from swift_deepeyes.ms_swift.scheduler import DeepEyesScheduler
from swift_deepeyes.record.reader import read_log, read_run
from tests.judge.chat_server import ChatServer
from tests.ms_swift.stub_trainer import Trainer

VIEW = {"MAX_PIXELS": "602112"}


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")


def colocate(template: Any) -> Trainer:
    trainer = Trainer()
    scheduler = DeepEyesScheduler(max_turns=6, tokenizer=template.tokenizer, template=template)
    trainer.multi_turn_scheduler, trainer.template = scheduler, template
    return trainer


def begin(trainer: Trainer) -> None:
    trainer.callback.on_train_begin(trainer.args, trainer.state, None)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_the_banner_says_what_the_run_is(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    pixel_settings: Any,
) -> None:
    monkeypatch.setenv("DEEPEYES_LOG_DIR", str(tmp_path / "log"))
    monkeypatch.setenv("DEEPEYES_CROP_SOURCE", "original")
    pixel_settings(VIEW)
    begin(colocate(family_template("qwen2_5_vl")))
    assert said(capsys) == [
        f"swift-deepeyes {__version__} with ms-swift {INSTALLED}",
        "  scheduler      deepeyes_scheduler, at most 6 turns",
        "  judge          rules",
        "  scoring        strict",
        "  crop source    original",
        "  box frame      pixel (template qwen2_5_vl)",
        "  pixel limits   3,136 to 602,112 per image (MAX_PIXELS)",
        f"  log directory  {tmp_path / 'log'}",
        f"  to look at it  swift-deepeyes watch {tmp_path / 'log'}",
    ]
    process.recorder.close()
    run = read_run(tmp_path / "log" / "run.json")
    assert run is not None and str(tmp_path) not in str(run.settings)
    assert run.settings["judge"] == "rules" and run.settings["max_steps"] == "80"
    assert run.settings["box frame"] == "pixel (template qwen2_5_vl)"


def test_frame_and_limits_are_those_of_the_template(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pixel_settings: Any
) -> None:
    pixel_settings({})
    begin(colocate(family_template("qwen3_vl")))
    text = capsys.readouterr().out
    assert "box frame      norm1000 (template qwen3_vl)" in text
    assert "16,777,216 per image (the model's default: MAX_PIXELS is not set)" in text
    assert "log directory  none: set DEEPEYES_LOG_DIR" in text
    monkeypatch.setenv("DEEPEYES_BBOX_FORMAT", "pixel")
    process.reset()
    begin(colocate(family_template("qwen3_vl", max_pixels=602112)))
    text = capsys.readouterr().out
    assert "box frame      pixel (DEEPEYES_BBOX_FORMAT)" in text
    assert "to 602,112 per image (--max_pixels)" in text


@pytest.fixture
def server() -> Any:
    with ChatServer() as running:
        yield running


def test_the_judge_is_named_as_it_was_met_and_no_password_is(
    server: ChatServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "openai")
    monkeypatch.setenv("DEEPEYES_JUDGE_BASE_URL", server.url.replace("://", "://me:hunter2@"))
    monkeypatch.setenv("DEEPEYES_JUDGE_API_KEY", "key-hunter2")
    trainer = Trainer()
    begin(trainer)
    trainer.score(["red", "a red one"])
    assert process.judge.model == "judge-model"
    begin(trainer)
    before, after = re.findall(r"  judge +(.*)", out := capsys.readouterr().out)
    assert before == f"a model that was not met yet at {server.url}"
    assert after == f"judge-model at {server.url}"
    assert "hunter2" not in out


def zoomed(answer: str, crops: int) -> dict[str, Any]:
    turns = [{"text": "<think>I look.</think>"}, {"text": f"<answer>{answer}</answer>"}]
    return {"turns": turns, "source_images": 1, "crops": crops, "toolbox": "box"}


def test_each_logged_step_is_a_line_that_agrees_with_the_curves(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEEPEYES_LOG_DIR", str(tmp_path))
    trainer = Trainer()
    begin(trainer)
    said(capsys)
    for answers in (["red", "blue", "red"], ["red"]):
        infos = [{"deepeyes": zoomed(answer, n % 2)} for n, answer in enumerate(answers)]
        trainer.score(answers, rollout_infos=infos)
        trainer._metrics["train"]["reward"] = [1.234]
        trainer.end_step()
        trainer.callback.on_log(trainer.args, trainer.state, None, {"eval_reward": 0.5})
        trainer.callback.on_log(trainer.args, trainer.state, None, {"train_runtime": 0.5})
    lines = said(capsys)
    assert len(lines) == 2
    process.recorder.close()
    for number, (line, logged) in enumerate(zip(lines, read_log(tmp_path).metrics, strict=True), 1):
        values = {name.removeprefix("deepeyes/"): value for name, value in logged.values.items()}
        assert line == (
            f"step {number}/80  reward {values['reward']:.2f}"
            f"  right {100 * values['accuracy/all']:.0f} %"
            f"  crop {100 * values['crops/share']:.0f} %"
            f"  turns {values['turns/mean']:.1f}"
            f"  judge {values['judge/seconds']:.1f} s"
            f"  left {line.partition('left ')[2]}"
        )
    assert "right 67 %  crop 33 %  turns 2.0" in lines[0] and "left " in lines[0]


def test_the_judges_seconds_are_those_of_the_slowest_rank_and_add_up_over_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = Trainer()
    for seconds in (1.0, 2.0):
        process.recorder.observe_judge(process.judge, seconds)
    other = process.recorder.take_tally()
    other.totals["deepeyes/judge/seconds"] = 9.0
    process.recorder.observe_judge(process.judge, 3.0)
    trainer.score(["red"])

    def gather(mine: list[Any]) -> list[Any]:
        return [*mine, other if isinstance(mine[0], type(other)) else {}]

    monkeypatch.setattr(callback, "gather_object", gather)
    assert trainer.end_step()["deepeyes/judge/seconds"] == 9.0


def test_other_ranks_and_other_peoples_runs_are_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    second, foreign = Trainer(), Trainer()
    second.state.is_world_process_zero = False
    foreign.reward_func_names = ["MathAccuracy"]
    for trainer in (second, foreign):
        begin(trainer)
        trainer._metrics["train"]["reward"] = [1.0]
        trainer.end_step()
    assert capsys.readouterr().out == ""


class OddTemplate:
    @property
    def norm_bbox(self) -> str:
        raise RuntimeError("of another version")


def test_a_template_that_cannot_be_asked_ends_nothing(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    trainer = Trainer()
    trainer.template = OddTemplate()
    begin(trainer)
    assert caplog.text.count("cannot be said; it goes on") == 1
    trainer.score(["red"])
    trainer.end_step()
    assert said(capsys)[-1].startswith("step 1/80  right 100 %")


def test_where_no_callback_runs_the_rewards_say_it_at_the_first_batch(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Megatron and Ray: the scheduler, if it is in this process, knows the template."""
    template = family_template("qwen2_5_vl")
    args = SimpleNamespace(multi_turn_scheduler="deepeyes_scheduler", vllm_mode="colocate")
    columns = {"data_source": ["vstar"], "solution": ["red"]}
    rollout_infos = [{"deepeyes": {"turns": [], "source_images": 1}}]

    def score() -> None:
        reward = DeepEyesReward(args=args)
        texts = ["<answer>red</answer>"]
        asyncio.run(reward(texts, rollout_infos=rollout_infos, **columns))

    DeepEyesScheduler(max_turns=3, tokenizer=template.tokenizer, template=template)
    score()
    score()
    text = capsys.readouterr().out
    assert text.count("swift-deepeyes") == 1
    assert "deepeyes_scheduler, at most 3 turns" in text and "box frame      pixel" in text
    process.reset()
    monkeypatch.setenv("RANK", "1")
    score()
    asyncio.run(DeepEyesReward()(["<answer>red</answer>"], **columns))  # called by hand
    assert capsys.readouterr().out == ""


def test_a_rollout_server_says_its_own_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    template = family_template("qwen2_5_vl")
    engine = SimpleNamespace(template=template, max_model_len=4096)
    DeepEyesScheduler(infer_engine=engine, max_turns=5, tokenizer=template.tokenizer)
    lines = said(capsys)
    assert lines[0].startswith("swift-deepeyes") and len(lines) == 5
    assert lines[1] == "  scheduler     deepeyes_scheduler, at most 5 turns"
    monkeypatch.setenv("SWIFT_ROLLOUT_DP_RANK", "1")
    DeepEyesScheduler(infer_engine=engine, max_turns=5, tokenizer=template.tokenizer)
    assert said(capsys) == []


BESIDE_A_BAR = """
import sys, time
from tqdm import tqdm
from swift_deepeyes.ms_swift.speech.console import say
with tqdm(total=2, desc="Train", mininterval=0) as bar:
    for step in (1, 2):
        say(f"step {step}/2  reward 1.00 \\u2713")
        bar.update()
"""


def test_beside_a_progress_bar_a_line_is_whole_and_on_its_own(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-c", BESIDE_A_BAR]
        environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)}
        subprocess.run(command, stdout=log, stderr=log, env=environment, check=True)
    lines = (tmp_path / "log").read_bytes().split(b"\n")
    assert [line for line in lines if b"step" in line] == [
        b"step 1/2  reward 1.00 ?",
        b"step 2/2  reward 1.00 ?",
    ]

"""What the doctor says of the templates of a run's commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swift_deepeyes.doctor.commands.check import check_commands
from swift_deepeyes.doctor.commands.command import Command
from swift_deepeyes.doctor.commands.thinking import check_thinking
from swift_deepeyes.doctor.finding import Health
from tests.doctor.commands.lines import ROLLOUT, TRAINER, command

QWEN = "Qwen/Qwen2.5-VL-7B-Instruct"


def both(
    model: str = QWEN, of_trainer: str = "", of_rollout: str = "", **environment: str
) -> list[Command]:
    pairs = ((TRAINER, of_trainer), (ROLLOUT, of_rollout))
    return [command(text.replace(QWEN, model), more, **environment) for text, more in pairs]


HYBRID = ["Qwen/Qwen3.5-9B", "/models/qwen3_5-4b", "Qwen3.5-35B-A3B", "Qwen/Qwen3.6-27B"]
OTHERS = [QWEN, "Qwen/Qwen3-VL-8B-Instruct", "Qwen/Qwen3-8B", "Qwen/Qwen3-5B", "my/model-3.5"]


@pytest.mark.parametrize("model", HYBRID)
def test_a_hybrid_model_that_is_not_told_to_think(model: str) -> None:
    found = check_thinking(both(model))
    assert [one.health for one in found] == [Health.WARNING] * 2
    assert all("empty thought" in one.text and "ENABLE_THINKING=true" in one.fix for one in found)
    for said in ("--enable_thinking true", "--enable_thinking false", "--response_prefix x"):
        (fine,) = check_thinking(both(model, said, said))
        assert fine.health is Health.OK


@pytest.mark.parametrize("model", OTHERS)
def test_other_models_need_no_flag(model: str) -> None:
    assert check_thinking(both(model)) == []
    (finding,) = check_thinking(both(model, *["--enable_thinking true"] * 2))
    assert finding.health is Health.OK


def test_a_thinking_model_of_qwen3_vl() -> None:
    found = check_thinking(both("Qwen/Qwen3-VL-8B-Thinking"))
    assert [one.health for one in found] == [Health.WARNING] * 2
    assert "opens no thought" in found[0].text


@pytest.mark.parametrize("flag", ["--model_type qwen3_5", "--template qwen3_5"])
def test_a_folder_is_known_by_flags_and_by_its_own_word(flag: str, tmp_path: Path) -> None:
    assert len(check_thinking(both("/mine", flag, flag))) == 2
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3_5"}))
    assert len(check_thinking(both(str(tmp_path)))) == 2
    (tmp_path / "config.json").write_text("[")
    assert check_thinking(both(str(tmp_path))) == []


@pytest.mark.parametrize(
    ("trainer", "server", "named"),
    [
        ("--enable_thinking true", "", "has true and swift rollout (--command) has none"),
        ("--enable_thinking true", "--enable_thinking false", "--enable_thinking"),
        ("", "--preserve_thinking true", "--preserve_thinking"),
        ("--response_prefix <think>", "", "--response_prefix"),
        ("--agent_template hermes", "", "--agent_template"),
        ("--norm_bbox none", "", "--norm_bbox"),
    ],
)
def test_what_both_sides_must_say_alike(trainer: str, server: str, named: str) -> None:
    (finding,) = check_thinking(both(of_trainer=trainer, of_rollout=server))
    assert finding.health is Health.FAILED and named in finding.text


def test_one_value_written_in_two_ways_is_one() -> None:
    said = ("--enable_thinking", "--enable_thinking True")
    (finding,) = check_thinking(both("Qwen/Qwen3.5-9B", *said))
    assert finding.health is Health.OK


def test_thoughts_that_are_dropped() -> None:
    flags = "--enable_thinking true --preserve_thinking false"
    found = check_thinking(both("Qwen/Qwen3.5-9B", flags, flags))
    assert ["--preserve_thinking false drops" in one.text for one in found] == [True, True]


def test_the_frame_that_prompts_state_and_the_one_that_is_read() -> None:
    trainer = command(f"DEEPEYES_PROMPT=family DEEPEYES_BBOX_FORMAT=pixel {TRAINER[3:]}")
    (finding,) = check_thinking([trainer, command(ROLLOUT)])
    assert finding.health is Health.FAILED and "has pixel and" in finding.text
    assert check_thinking(both()) == []


def test_they_are_among_the_checks_of_commands() -> None:
    line = TRAINER.replace(QWEN, "Qwen/Qwen3.5-9B")
    found = check_commands([line], running=False, log=None)
    assert any(one.check == "template" and "empty thought" in one.text for one in found)

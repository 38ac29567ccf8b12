"""Templates that differ between the two sides of a run, and prompts that end thoughts."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from swift.infer_engine.protocol import RolloutInferRequest
from swift.template import TEMPLATE_MAPPING

from swift_deepeyes.demo.families import family_template
from swift_deepeyes.ms_swift.checks.run import check_run
from swift_deepeyes.ms_swift.checks.thinking import (
    TEMPLATE_KEY,
    OtherTemplateError,
    remember_template,
    template_facts,
)
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.rewards import DeepEyesReward
from swift_deepeyes.ms_swift.speech.banner import introduce_run
from tests.ms_swift.drivers import run_colocate, run_server


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")


def batch(facts: object) -> list[float | None]:
    columns: dict[str, Any] = {"data_source": ["vstar"], "solution": ["red"]}
    columns["rollout_infos"] = [{TEMPLATE_KEY: facts}]
    return asyncio.run(DeepEyesReward()(["<answer>red</answer>"], **columns))


def facts_of(family: str = "qwen3_5", **changes: Any) -> dict[str, str]:
    template = family_template(family)
    for name, value in changes.items():
        setattr(template, name, value)
    return template_facts(template)


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({"enable_thinking": True}, "--enable_thinking and --response_prefix"),
        ({"response_prefix": "<think>"}, "--enable_thinking and --response_prefix"),
        ({"_agent_template": "hermes"}, "--agent_template"),
        ({"norm_bbox": "none"}, "DEEPEYES_BBOX_FORMAT"),
    ],
)
def test_another_template_on_the_rollout_server_ends_the_run(
    changes: dict[str, Any], flags: str
) -> None:
    remember_template(SimpleNamespace(template=family_template("qwen3_5")))
    with pytest.raises(OtherTemplateError, match="other prompts than were generated") as caught:
        batch(facts_of(**changes))
    assert flags in str(caught.value)


def test_another_box_format_on_the_rollout_server(monkeypatch: pytest.MonkeyPatch) -> None:
    remember_template(SimpleNamespace(template=family_template("qwen3_5")))
    trainers = process.template_facts
    process.reset()
    monkeypatch.setenv("DEEPEYES_BBOX_FORMAT", "pixel")
    servers = facts_of()
    process.template_facts = trainers
    with pytest.raises(OtherTemplateError, match="boxes are 'pixel' on the rollout server"):
        batch(servers)


@pytest.mark.parametrize("facts", [None, [], {}, {"another": "1"}, "same"])
def test_the_same_template_or_none_known_is_fine(facts: object) -> None:
    remember_template(SimpleNamespace(template=family_template("qwen3_5")))
    assert batch(facts_of() if facts == "same" else facts) == [0.8]
    remember_template(SimpleNamespace())
    assert batch(facts_of(enable_thinking=True)) == [0.8]


def run_of(family: str, **arguments: Any) -> SimpleNamespace:
    given = dict.fromkeys(("enable_thinking", "response_prefix")) | arguments
    return SimpleNamespace(template_meta=TEMPLATE_MAPPING[family], **given)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (run_of("qwen3_5"), "Prompts end in an empty thought"),
        (run_of("qwen3_vl", model="Qwen/Qwen3-VL-8B-Thinking"), "opens no thought"),
        (run_of("qwen3_5", enable_thinking=True), ""),
        (run_of("qwen3_5", enable_thinking=False), ""),
        (run_of("qwen3_5", response_prefix="<think>\n"), ""),
        (run_of("qwen3_vl", model="Qwen/Qwen3-VL-8B-Instruct"), ""),
        (run_of("qwen2_5_vl"), ""),
    ],
)
def test_turns_that_cannot_think_are_told_at_start(
    args: SimpleNamespace, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        check_run(args)
    assert said in caplog.text and bool(said) == ("ENABLE_THINKING=true" in caplog.text)


def test_the_screen_is_told_how_turns_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_PROMPT", "family")
    template = family_template("qwen3_5")
    facts = introduce_run(None, None, template, has_reward=False)
    assert facts["turns begin"] == repr("<think>\n\n</think>\n\n")
    assert facts["tool prompts"] == "family (DEEPEYES_PROMPT)"
    process.reset()
    monkeypatch.delenv("DEEPEYES_PROMPT")
    usual = introduce_run(None, None, family_template("qwen2_5_vl"), has_reward=False)
    assert not {"turns begin", "tool prompts"} & usual.keys()


@pytest.mark.parametrize("drive", [run_server, run_colocate])
def test_a_rollout_server_sends_what_its_template_does(drive: Any) -> None:
    template = family_template("qwen3_5")
    asked = RolloutInferRequest(messages=[{"role": "user", "content": "Why?"}], uuid="one")
    (output,), _ = drive(lambda request: "<answer>red</answer>", template, [asked])
    sent = output.rollout_infos.get(TEMPLATE_KEY)
    assert sent == (template_facts(template) if drive is run_server else None)

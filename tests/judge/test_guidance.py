"""Guided decoding: used where the server has it, given up where it has not, per server."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.judge.request import Guidance, guided_fields
from swift_deepeyes.scoring.verdict import Decider, QuestionKind
from tests.judge.chat_server import ChatServer, Fault
from tests.judge.judging import NUMBER, ask, judge_all, make, samples, truth


def guided(request: dict[str, Any]) -> str | None:
    return "unknown field" if "structured_outputs" in request else None


def test_a_server_that_has_it_is_asked_for_two_words(server: ChatServer) -> None:
    judge = make(server.url)
    judge_all(judge, [ask("crimson")])
    server.script.reply = lambda request: "TRUE"
    judge_all(judge, [ask("crimson", kind=QuestionKind.MATH, reference="red")])
    first, second = server.log.requests
    assert first["structured_outputs"] == {"choice": ["1", "0"]}
    assert second["structured_outputs"] == {"choice": ["TRUE", "FALSE"]}
    assert first["max_tokens"] >= 512  # nothing is proven yet, and what is guided ends by itself
    assert judge._pool.servers[0].guidance_proven


def test_a_server_that_refuses_it_is_asked_without_and_remembered(server: ChatServer) -> None:
    server.script.reply = truth
    server.script.refuse = lambda request: (
        "unknown field" if {"structured_outputs", "guided_choice"} & request.keys() else None
    )
    judge = make(server.url, concurrency=1)
    verdicts = judge_all(judge, samples(10))
    assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
    assert judge._pool.servers[0].guidance is Guidance.PLAIN
    assert len(server.log.requests) == 10 + 2  # found out once
    assert judge.stats.failed == judge.stats.retries == 0


def test_an_old_vllm_gets_the_old_spelling(server: ChatServer) -> None:
    server.script.refuse = guided
    judge = make(server.url, concurrency=1)
    judge_all(judge, samples(5))
    assert judge._pool.servers[0].guidance is Guidance.LEGACY
    assert server.log.served[-1]["guided_choice"] == ["1", "0"]


def test_a_server_that_ignores_it_is_given_room_to_talk(server: ChatServer) -> None:
    server.script.reply = lambda request: "<think>hm</think>\n" + truth(request)
    judge = make(server.url, concurrency=1)
    verdicts = judge_all(judge, samples(6))
    assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
    assert judge._pool.servers[0].guidance is Guidance.PLAIN
    assert server.log.requests[-1]["max_tokens"] >= 512
    assert "structured_outputs" not in server.log.requests[-1]


def test_each_server_has_its_own(server: ChatServer) -> None:
    with ChatServer() as old:
        old.script.refuse = guided
        for one in (server, old):
            one.script.reply = truth
            one.script.latency = 0.01
        judge = make(server.url, old.url)
        judge_all(judge, samples(40))
        assert [one.guidance for one in judge._pool.servers] == [
            Guidance.STRUCTURED,
            Guidance.LEGACY,
        ]


GUIDANCE_FIELDS = {"structured_outputs", "structured_outputs_regex", "guided_choice"}


@pytest.mark.parametrize("status", [400, 422, 500, 501])
def test_the_first_batch_against_a_server_that_refuses_unknown_fields(
    server: ChatServer, status: int
) -> None:
    """Every verdict is the server's, though 64 questions find out at once."""
    server.script.reply = truth
    server.script.latency = 0.02
    server.script.refuse_status = status
    server.script.refuse = lambda request: (
        "unknown field" if GUIDANCE_FIELDS & request.keys() else None
    )
    judge = make(server.url)
    verdicts = judge_all(judge, samples(96))
    assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
    assert judge._pool.servers[0].guidance is Guidance.PLAIN
    assert judge.stats.fallback == judge.stats.failures.get("refused", 0) == 0
    before = len(server.log.requests)
    judge_all(judge, samples(20, first=500))
    assert len(server.log.requests) == before + 20 + judge.stats.hedged  # remembered


@pytest.mark.parametrize("known", [set(), {"guided_choice"}])
def test_a_refusal_that_comes_after_another_call_found_out(
    server: ChatServer, known: set[str]
) -> None:
    """Half of the calls are refused in the newest spelling when an older one is proven already."""
    server.script.reply = truth
    server.script.refuse = lambda request: (
        "unknown field" if (GUIDANCE_FIELDS - known) & request.keys() else None
    )
    server.script.refuse_delay = lambda request: (
        0.12 if NUMBER.search(request["messages"][0]["content"])[1] in "13579" else 0.0
    )
    judge = make(server.url)
    verdicts = judge_all(judge, samples(64))
    assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
    assert judge._pool.servers[0].guidance is (Guidance.LEGACY if known else Guidance.PLAIN)
    assert "refused" not in judge.stats.failures


def test_one_500_is_not_a_server_without_guidance(server: ChatServer) -> None:
    server.script.reply = truth
    faults = iter([Fault.ERROR_500])
    server.script.fault = lambda request: next(faults, Fault.NONE)
    judge = make(server.url, concurrency=1)
    verdicts = judge_all(judge, samples(4))
    assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
    assert judge._pool.servers[0].guidance is Guidance.STRUCTURED


REASONED = (
    "To determine whether the answer is correct, I compare the colour that the answer names with "
    "the colour that the reference names, and find the following. "
)


def test_a_server_that_ignores_the_fields_is_not_cut(server: ChatServer) -> None:
    """At 16 tokens the text above says "correct", and whole batches were rewarded."""
    server.script.words_are_tokens = True
    server.script.reply = lambda request: REASONED + "\n\nJudgement: " + truth(request)
    judge = make(server.url)
    verdicts = judge_all(judge, samples(64))
    assert [verdict.is_right for verdict in verdicts] == [n % 3 == 0 for n in range(64)]
    assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
    assert judge.stats.cut == judge.stats.unreadable == 0


def test_one_obedient_reply_proves_nothing_about_the_next(server: ChatServer) -> None:
    server.script.words_are_tokens = True
    server.script.reply = lambda request: (
        truth(request)
        if "sample 0 " in request["messages"][0]["content"]
        else REASONED + "\n\nJudgement: " + truth(request)
    )
    judge = make(server.url, concurrency=1)
    verdicts = judge_all(judge, samples(12))
    assert [verdict.is_right for verdict in verdicts] == [n % 3 == 0 for n in range(12)]
    assert {verdict.decided_by for verdict in verdicts} == {Decider.SERVER}
    assert judge._pool.servers[0].guidance is Guidance.PLAIN


def test_a_cut_reply_is_unreadable_counted_and_not_kept(server: ChatServer) -> None:
    cut = {"message": {"content": "1"}, "finish_reason": "length"}
    server.script.choice = lambda request: cut
    judge = make(server.url)
    verdict = judge_all(judge, [ask("It's blue.")])[0]
    assert (verdict.decided_by, verdict.is_right) == (Decider.RULE_AFTER_UNREADABLE, False)
    assert (judge.stats.cut, judge.stats.unreadable) == (3, 3)
    assert len(judge._cache) == 0
    first, *again = server.log.requests
    assert "structured_outputs" in first
    assert all(not GUIDANCE_FIELDS & request.keys() for request in again)
    assert all(request["max_tokens"] >= 512 for request in again)


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": None, "reasoning_content": "So it is 1"}, "finish_reason": "stop"},
        {"message": {"content": None, "refusal": "I can't help."}, "finish_reason": "stop"},
        {"message": {"content": "1"}, "finish_reason": "content_filter"},
        {"message": {"content": None, "tool_calls": [{}]}, "finish_reason": "tool_calls"},
        {"message": {"content": "1"}, "finish_reason": "abort"},
        {"message": {"content": []}, "finish_reason": "stop"},
        {"message": {"content": [{"type": "reasoning", "reasoning": "1"}]}},
        {"message": {"content": [None, 1, {"type": "text", "text": None}]}},
        {"message": {"content": 1}},
        {"message": {}},
    ],
)
def test_a_reply_without_text_is_unreadable_and_counted(
    server: ChatServer, choice: dict[str, Any]
) -> None:
    server.script.choice = lambda request: choice
    judge = make(server.url)
    verdict = judge_all(judge, [ask("It's blue.")])[0]
    assert verdict.decided_by is Decider.RULE_AFTER_UNREADABLE
    assert judge.stats.unreadable == 3 and judge.stats.failed == 0


def test_content_as_a_list_of_parts_is_joined(server: ChatServer) -> None:
    parts = [{"type": "text", "text": "Judge"}, {"type": "text", "text": "ment: 1"}]
    server.script.choice = lambda request: {"message": {"content": parts}, "finish_reason": None}
    verdict = judge_all(make(server.url), [ask("crimson")])[0]
    assert (verdict.decided_by, verdict.reply) == (Decider.SERVER, "Judgement: 1")
    assert verdict.is_right


def test_one_question_that_is_refused_is_not_a_server_without_guidance(server: ChatServer) -> None:
    server.script.reply = truth
    server.script.refuse = lambda request: (
        "too long" if "sample 3 " in request["messages"][0]["content"] else None
    )
    judge = make(server.url, concurrency=1)
    verdicts = judge_all(judge, samples(8))
    assert [v.decided_by for v in verdicts].count(Decider.RULE_AFTER_FAILURE) == 1
    assert verdicts[3].decided_by is Decider.RULE_AFTER_FAILURE
    assert judge._pool.servers[0].guidance is Guidance.STRUCTURED
    assert judge.stats.failures == {"refused": 1}
    assert len(server.log.requests) == 8  # no other spelling was tried for it


def test_the_first_question_being_refused_spoils_nothing(server: ChatServer) -> None:
    server.script.reply = truth
    server.script.refuse = lambda request: (
        "too long" if "sample 0 " in request["messages"][0]["content"] else None
    )
    judge = make(server.url, concurrency=1)
    verdicts = judge_all(judge, samples(4))
    assert verdicts[0].decided_by is Decider.RULE_AFTER_FAILURE
    assert {verdict.decided_by for verdict in verdicts[1:]} == {Decider.SERVER}
    assert judge._pool.servers[0].guidance is Guidance.STRUCTURED


def fields_of(package: str, pattern: str, *classes: str) -> set[str]:
    """The annotated fields of classes in an installed package, read without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations, f"{package} is not installed"
    (file,) = Path(next(iter(spec.submodule_search_locations))).glob(pattern)
    return {
        statement.target.id
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name in classes
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def test_vllm_takes_the_fields() -> None:
    """Red when vLLM renames them."""
    path = "entrypoints/openai/chat_completion/protocol.py"
    fields = fields_of("vllm", path, "ChatCompletionRequest")
    assert {"structured_outputs", "chat_template_kwargs", "seed", "max_tokens"} <= fields
    params = fields_of("vllm", "sampling_params.py", "StructuredOutputsParams")
    assert (
        set(guided_fields(Guidance.STRUCTURED, QuestionKind.OPEN)["structured_outputs"]) <= params
    )


def test_swift_deploy_takes_the_fields() -> None:
    """Red when ms-swift renames them."""
    classes = ("RequestConfig", "ChatCompletionRequestMixin")
    fields = fields_of("swift", "infer_engine/protocol.py", *classes)
    assert {"structured_outputs_regex", "chat_template_kwargs", "seed", "max_tokens"} <= fields

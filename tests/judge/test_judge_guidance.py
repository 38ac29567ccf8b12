"""Guided decoding: used where the server has it, given up where it has not, per server."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import Any

from chat_server import ChatServer
from judging import ask, judge_all, make, samples, truth

from swift_deepeyes.core.verdict import Decider, QuestionKind
from swift_deepeyes.judge.guidance import Guidance, guided_fields


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
    assert first["max_tokens"] <= 16
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

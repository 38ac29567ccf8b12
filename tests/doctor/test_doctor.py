"""The doctor's command, and its checks against real servers on local sockets."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.doctor.finding import Finding, Health
from swift_deepeyes.doctor.machine import check_ports, check_versions
from swift_deepeyes.doctor.rollout import PROBE_SIZE, check_rollout
from swift_deepeyes.episode.view import ViewRecipe
from swift_deepeyes.judge.check import load_cases

RECIPE = ViewRecipe(14, fetch_options={"max_pixels": 602112})


def healths(findings: list[Finding]) -> dict[str, Health]:
    return {finding.check: finding.health for finding in findings}


def serve_rollout(
    server: HTTPServer, *, image_tokens: int, multi_turn: bool = True, ours: bool = True
) -> str:
    """The routes of `swift rollout` that the doctor uses."""
    from werkzeug import Request, Response

    def infer(request: Request) -> Response:
        (asked,) = json.loads(request.data)["infer_requests"]
        tokens = 20 + (image_tokens if asked["images"] else 0)
        infos = {"deepeyes": {"source_images": 1}} if ours else {"num_turns": 1}
        output = {"response": {"usage": {"prompt_tokens": tokens}}, "rollout_infos": infos}
        return Response(json.dumps([output]), content_type="application/json")

    engine = {"engine_type": "AsyncLLMEngine", "enable_multi_turn": multi_turn}
    server.expect_request("/get_engine_type/", method="POST").respond_with_json(engine)
    server.expect_request("/infer/", method="POST").respond_with_handler(infer)
    return server.url_for("/").rstrip("/")


def test_a_rollout_server_with_the_same_pixels_is_healthy(httpserver: HTTPServer) -> None:
    url = serve_rollout(httpserver, image_tokens=RECIPE.tokens(PROBE_SIZE))
    assert set(healths(check_rollout(url, RECIPE)).values()) == {Health.OK}


def test_other_pixel_limits_are_found(httpserver: HTTPServer) -> None:
    url = serve_rollout(httpserver, image_tokens=ViewRecipe(14).tokens(PROBE_SIZE))
    (finding,) = [f for f in check_rollout(url, RECIPE) if f.check == "pixel limits"]
    assert finding.health is Health.FAILED and "MAX_PIXELS" in finding.fix
    assert "2693 tokens on the server and 722 here" in finding.text


def test_another_scheduler_is_found(httpserver: HTTPServer) -> None:
    url = serve_rollout(httpserver, image_tokens=0, multi_turn=False, ours=False)
    findings = [f for f in check_rollout(url, None) if f.check == "rollout scheduler"]
    assert [finding.health for finding in findings] == [Health.FAILED, Health.FAILED]


def test_a_judge_where_the_rollout_server_should_be(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/models").respond_with_json({"data": []})
    (finding,) = check_rollout(httpserver.url_for("/").rstrip("/"), RECIPE)
    assert finding.health is Health.FAILED and "chat server" in finding.text


def test_nothing_listens() -> None:
    (finding,) = check_rollout("http://127.0.0.1:9", RECIPE)
    assert finding.health is Health.FAILED and "does not answer" in finding.text


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (finding,) = check_ports([taken.getsockname()[1]])
    assert finding.health is Health.WARNING


@pytest.mark.parametrize("port", [99_999, -1])
def test_a_number_that_is_no_port_is_one_finding(port: int) -> None:
    (finding,) = check_ports([port])
    assert finding.health is Health.FAILED and "1 to 65535" in finding.fix


def test_the_tried_versions_are_installed() -> None:
    assert healths(check_versions())["ms-swift"] is Health.OK


def test_the_command_with_the_rule_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    result = CliRunner().invoke(app, ["doctor", "--port", "0"])
    assert "judge verdicts: a right and a wrong answer" in result.output
    assert result.exit_code == (0 if "no problems" in result.output else 1)


def test_the_command_names_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "oracle")
    result = CliRunner().invoke(app, ["doctor", "--port", "0"])
    assert result.exit_code == 1 and "DEEPEYES_JUDGE='oracle'" in result.output
    assert "set it to an allowed value" in result.output and "ok       memory: " in result.output


@pytest.mark.parametrize(
    ("status", "fix"),
    [(401, "fix: Set DEEPEYES_JUDGE_API_KEY to"), (404, "fix: Set DEEPEYES_JUDGE_BASE_URL to")],
)
def test_each_refusal_of_a_judge_has_its_own_fix(
    status: int, fix: str, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/v1/models").respond_with_data("no", status=status)
    monkeypatch.setenv("DEEPEYES_JUDGE_BASE_URL", httpserver.url_for("/v1"))
    result = CliRunner().invoke(app, ["doctor", "--port", "0"])
    assert result.exit_code == 1 and fix in result.output


def test_a_rollout_server_that_wants_a_key(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/get_engine_type/").respond_with_data("no", status=401)
    httpserver.expect_request("/v1/models").respond_with_data("no", status=401)
    (finding,) = check_rollout(httpserver.url_for("/").rstrip("/"), None)
    assert finding.health is Health.FAILED and "without --api_key" in finding.fix


@pytest.mark.parametrize(
    ("model", "said"), [("/nowhere/7b", "is no folder"), (".", "has no config.json")]
)
def test_a_wrong_path_of_a_model_is_one_line(
    model: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["doctor", "--port", "0", "--no-judge", "--model", model])
    lines = [line for line in result.output.splitlines() if "model: " in line]
    assert result.exit_code == 1 and lines == [f"failed   model: {model} {said}"]


def test_numbers_agree_with_their_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    once = CliRunner().invoke(app, ["doctor", "--no-judge", "--port", "70000"]).output
    twice = CliRunner().invoke(app, ["doctor", "--no-judge", "--port", "70000", "--port", "-1"])
    assert "\n1 problem, " in once or once.endswith("\n1 problem\n")
    assert "\n2 problems" in twice.output


def say(monkeypatch: pytest.MonkeyPatch, server: HTTPServer, reply: str) -> None:
    models = {"object": "list", "data": [{"id": "judge", "object": "model"}]}
    message = {"role": "assistant", "content": reply}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "1", "object": "chat.completion", "model": "judge", "choices": [choice]}
    server.expect_request("/v1/models").respond_with_json(models)
    server.expect_request("/v1/chat/completions").respond_with_json(body)
    monkeypatch.setenv("DEEPEYES_JUDGE_BASE_URL", server.url_for("/v1"))


def test_cases_of_a_judge_that_calls_everything_right(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, httpserver, "1")
    few = load_cases()[:24]
    monkeypatch.setattr("swift_deepeyes.judge.check.load_cases", lambda: few)
    result = CliRunner().invoke(app, ["doctor", "--judge-cases"])
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[-1].startswith("This judge is not good enough for a run (")
    assert "wrong answers right, and training finds what is paid for" in lines[-1]
    told = next(n for n, line in enumerate(lines) if line.endswith("right, labelled wrong"))
    assert [line.split()[0] for line in lines[told + 1 : told + 5]] == [
        "question", "reference", "answer", "reply",
    ]  # fmt: skip
    assert lines[told + 4] == "  reply      '1'"


def test_the_rules_are_good_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    few = [case for case in load_cases() if case.data_source == "vstar"][:60]
    monkeypatch.setattr("swift_deepeyes.judge.check.load_cases", lambda: few)
    result = CliRunner().invoke(app, ["doctor", "--judge-cases"])
    last = result.output.splitlines()[-1]
    assert result.exit_code == 0 and last.startswith("This judge is good enough for a run: ")
    wrong = sum(not case.right for case in few)
    assert "of 60 cases" in last and f"calls 0 of {wrong} wrong answers right" in last


def test_the_command_says_what_listens_at_the_judges_url(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve_rollout(httpserver, image_tokens=0)
    monkeypatch.setenv("DEEPEYES_JUDGE_BASE_URL", f"{url}/v1")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1 and "DEEPEYES_JUDGE_BASE_URL" in result.output

"""The doctor against real servers on local sockets, and a file with and without its columns."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.doctor.dataset import check_dataset
from swift_deepeyes.doctor.finding import Finding, Health
from swift_deepeyes.doctor.machine import check_ports, check_versions
from swift_deepeyes.doctor.rollout import PROBE_SIZE, check_rollout
from swift_deepeyes.episode.view import ViewRecipe

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


def test_datasets(tmp_path: Path) -> None:
    columns: dict[str, Any] = {name: ["x"] for name in ("images", "reward_model", "data_source")}
    good, bad, no_file = tmp_path / "good.parquet", tmp_path / "bad.parquet", tmp_path / "no"
    pq.write_table(pa.table({**columns, "messages": ["x"], "env_name": [""]}), good)
    pq.write_table(pa.table({"images": ["x"]}), bad)
    assert {f.health for f in check_dataset(good)} == {Health.OK}
    (finding,) = check_dataset(bad)
    assert finding.health is Health.FAILED and "reward_model, data_source, prompt" in finding.text
    assert check_dataset(no_file)[0].health is Health.FAILED


def test_datasets_of_content_lists_need_no_column_of_images(tmp_path: Path) -> None:
    part = {"type": "image", "image": "a.png", "text": None}
    parts, words = [{"role": "user", "content": [part]}], [{"role": "user", "content": "?"}]
    columns: dict[str, Any] = {"solution": ["x"], "data_source": ["x"], "env_name": [""]}
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({**columns, "messages": [parts]}), path)
    assert {f.health for f in check_dataset(path)} == {Health.OK}
    pq.write_table(pa.table({**columns, "messages": [words]}), path)
    assert "no column images" in check_dataset(path)[0].text


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (finding,) = check_ports([taken.getsockname()[1]])
    assert finding.health is Health.WARNING


def test_the_tried_versions_are_installed() -> None:
    assert healths(check_versions())["ms-swift"] is Health.OK


def test_the_command_with_the_rule_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    result = CliRunner().invoke(app, ["doctor", "--port", "0"])
    assert "judge verdicts: a right and a wrong answer" in result.output
    assert result.exit_code == (0 if "no problems" in result.output else 1)


def test_the_command_names_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "oracle")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1 and "DEEPEYES_JUDGE='oracle'" in result.output


def test_the_command_says_what_listens_at_the_judges_url(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve_rollout(httpserver, image_tokens=0)
    monkeypatch.setenv("DEEPEYES_JUDGE_BASE_URL", f"{url}/v1")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1 and "DEEPEYES_JUDGE_BASE_URL" in result.output

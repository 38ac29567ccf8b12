"""The right server: what is said when something else listens at the judge's URL."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from swift_deepeyes.chat.identity import ServerKind, identify_server
from swift_deepeyes.judge import JudgeError
from swift_deepeyes.judge.errors import NAMES
from tests.judge.chat_server import ChatServer, Script
from tests.judge.judging import judge_all, make, samples

# As ms-swift 4.6.0's `SwiftRolloutDeploy._register_rl_rollout_app` registers them.
ROLLOUT_ROUTES = (
    "/health",
    "/get_world_size/",
    "/init_communicator/",
    "/update_named_param/",
    "/infer/",
    "/get_engine_type/",
)


def test_the_rollout_server_is_named_and_stops_the_run_at_once(server: ChatServer) -> None:
    server.script.routes = ROLLOUT_ROUTES
    assert asyncio.run(identify_server(server.url)).kind is ServerKind.ROLLOUT
    with pytest.raises(JudgeError) as error:
        judge_all(make(server.url), samples(5))
    message = str(error.value)
    for part in (server.url, "rollout server", "DEEPEYES_JUDGE_BASE_URL", "--port"):
        assert part in message
    assert server.log.requests == []


def test_the_real_rollout_server_has_the_routes_that_identify_it() -> None:
    """Red when ms-swift renames them."""
    import ast
    import importlib.util
    from pathlib import Path

    from swift_deepeyes.chat.identity import ROLLOUT_ROUTES as MARKS

    spec = importlib.util.find_spec("swift")
    assert spec is not None and spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations))) / "pipelines/infer"
    texts = {
        name: {
            node.value
            for node in ast.walk(ast.parse((folder / name).read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        for name in ("rollout.py", "deploy.py")
    }
    assert texts["rollout.py"] >= MARKS
    assert "/v1/models" not in texts["rollout.py"]
    assert "/v1/models" in texts["deploy.py"]
    assert not texts["deploy.py"] & MARKS


def test_a_missing_v1_is_said(server: ChatServer) -> None:
    bare = server.url.removesuffix("/v1")
    identity = asyncio.run(identify_server(bare))
    assert identity.kind is ServerKind.WRONG_PATH
    assert f"DEEPEYES_JUDGE_BASE_URL={server.url}" in identity.problem(NAMES)
    with pytest.raises(JudgeError, match="/v1"):
        judge_all(make(bare), samples(1))


def test_another_web_server(server: ChatServer) -> None:
    server.script.routes = ("/",)
    assert asyncio.run(identify_server(server.url)).kind is ServerKind.OTHER
    with pytest.raises(JudgeError, match="not a chat server"):
        judge_all(make(server.url), samples(1))


def test_a_server_that_is_still_loading_may_come(server: ChatServer) -> None:
    server.script.models_status = 503
    assert asyncio.run(identify_server(server.url)).kind is ServerKind.NOT_READY
    with pytest.raises(JudgeError, match="errors"):
        judge_all(make(server.url, start_wait=0.3), samples(1))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_no_wrong_path(server: ChatServer, status: int) -> None:
    server.script.models_status = status
    identity = asyncio.run(identify_server(server.url))
    assert identity.kind is ServerKind.REDIRECT
    assert "final address" in identity.problem(NAMES) and "with the `/v1`" not in identity.problem(
        NAMES
    )


def test_the_hint_about_v1_is_for_addresses_without_it(server: ChatServer) -> None:
    server.script.routes = ("/",)
    with_v1 = asyncio.run(identify_server(server.url)).problem(NAMES)
    without = asyncio.run(identify_server(server.url.removesuffix("/v1"))).problem(NAMES)
    assert "with the `/v1`" not in with_v1 and "with the `/v1`" in without


def test_https_to_a_server_that_speaks_http(server: ChatServer) -> None:
    url = server.url.replace("http://", "https://")
    identity = asyncio.run(identify_server(url))
    assert identity.kind is ServerKind.ENCRYPTION
    assert f"DEEPEYES_JUDGE_BASE_URL={server.url}" in identity.problem(NAMES)
    started = time.monotonic()
    with pytest.raises(JudgeError, match="http and https"):
        judge_all(make(url), samples(1))
    assert time.monotonic() - started < 20.0  # nothing to wait for


def test_a_certificate_that_nobody_signed(tmp_path: Path) -> None:
    tls = self_signed(tmp_path)
    with ChatServer(Script(tls=tls)) as server:
        url = server.url.replace("http://", "https://")
        identity = asyncio.run(identify_server(url))
        assert identity.kind is ServerKind.CERTIFICATE
        assert "SSL_CERT_FILE" in identity.problem(NAMES) and "/v1`" not in identity.problem(NAMES)
        with pytest.raises(JudgeError, match="SSL_CERT_FILE"):
            judge_all(make(url), samples(1))


def self_signed(folder: Path) -> ssl.SSLContext:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize("status", [407, 403, 502])
def test_a_proxy_that_stands_in_between(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """For https the environment's proxy is asked for a tunnel; this one refuses it."""
    server.script.tunnel_status = status
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", server.url.removesuffix("/v1"))
    url = "https://judge.invalid/v1"
    identity = asyncio.run(identify_server(url))
    assert identity.kind is ServerKind.PROXY
    assert "no_proxy" in identity.problem(NAMES) and "/v1`" not in identity.problem(NAMES)
    with pytest.raises(JudgeError, match="https_proxy"):
        judge_all(make(url), samples(1))


def test_a_proxy_that_is_not_there(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.stop()
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", f"http://me:hunter2@127.0.0.1:{server.port}")
    identity = asyncio.run(identify_server("https://judge.invalid/v1"))
    assert identity.kind is ServerKind.PROXY
    assert "hunter2" not in identity.problem(NAMES)


def test_a_proxy_is_not_asked_for_http(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    assert asyncio.run(identify_server(server.url)).kind is ServerKind.CHAT


def test_nothing_listens(server: ChatServer) -> None:
    server.stop()
    identity = asyncio.run(identify_server(server.url))
    assert identity.kind is ServerKind.UNREACHABLE
    assert "DEEPEYES_JUDGE=rule" in identity.problem(NAMES)


def test_a_chat_server_lists_its_models(server: ChatServer) -> None:
    server.script.models = ("Qwen2.5-72B-Instruct", "other")
    identity = asyncio.run(identify_server(server.url))
    assert identity.kind is ServerKind.CHAT
    assert identity.models == ("Qwen2.5-72B-Instruct", "other")
    judge_all(make(server.url), samples(1))
    assert server.log.requests[0]["model"] == "Qwen2.5-72B-Instruct"


def test_a_model_that_is_not_served_stops_at_once(server: ChatServer) -> None:
    with pytest.raises(JudgeError) as error:
        judge_all(make(server.url, model="Qwen3"), samples(3))
    assert "DEEPEYES_JUDGE_MODEL='Qwen3'" in str(error.value)
    assert "judge-model" in str(error.value)


def test_a_server_without_models(server: ChatServer) -> None:
    server.script.models = ()
    with pytest.raises(JudgeError, match="serves no model"):
        judge_all(make(server.url), samples(1))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refused_chat_stops_at_once(server: ChatServer, status: int) -> None:
    server.script.chat_status = status
    with pytest.raises(JudgeError, match="DEEPEYES_JUDGE_BASE_URL"):
        judge_all(make(server.url), samples(10))
    assert len(server.log.requests) <= 10  # no retries


def test_a_wrong_key_is_named(server: ChatServer) -> None:
    server.script.key = "secret"
    with pytest.raises(JudgeError, match="DEEPEYES_JUDGE_API_KEY"):
        judge_all(make(server.url), samples(2))
    assert len(judge_all(make(server.url, key="secret"), samples(2))) == 2


def test_swift_deploys_400_for_a_wrong_model_is_not_taken_for_a_bad_question(
    server: ChatServer,
) -> None:
    judge = make(server.url)
    judge_all(judge, samples(3))
    server.script.refuse = lambda request: "`x` is not in the model_list: `['y']`."
    with pytest.raises(JudgeError, match="DEEPEYES_JUDGE_MODEL"):
        judge_all(judge, samples(3, first=10))


def test_a_server_that_refuses_every_request_stops_the_run(server: ChatServer) -> None:
    server.script.refuse = lambda request: "max_tokens is too large"
    with pytest.raises(JudgeError, match="max_tokens is too large"):
        judge_all(make(server.url), samples(3))


def test_the_rollout_server_that_takes_the_port_in_the_middle(server: ChatServer) -> None:
    judge = make(server.url)
    judge_all(judge, samples(3))
    server.script.routes = ROLLOUT_ROUTES
    with pytest.raises(JudgeError, match="rollout server"):
        judge_all(judge, samples(3, first=10))


def test_the_server_is_met_once_and_not_at_import(server: ChatServer) -> None:
    judge = make(server.url)
    assert server.log.model_lists == 0
    judge_all(judge, [])
    assert server.log.model_lists == 0  # nothing to ask: nobody to meet
    judge_all(judge, samples(30))
    judge_all(judge, samples(30, first=50))
    assert server.log.model_lists == 1

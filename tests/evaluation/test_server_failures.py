"""What is wrong with the server's address is told with the fix that fits."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from swift_deepeyes.chat.identity import Listing
from swift_deepeyes.evaluation.config import Sampling
from swift_deepeyes.evaluation.endpoint import Endpoint, ServerFailedError, ServerRefusedError


@contextmanager
def answering(
    status: int, body: bytes = b"{}", headers: dict[str, str] | None = None
) -> Iterator[ThreadingHTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def address(server: ThreadingHTTPServer, scheme: str = "http", path: str = "/v1") -> str:
    return f"{scheme}://127.0.0.1:{server.server_address[1]}{path}"


def find(url: str, **options: object) -> Listing:
    async def go() -> Listing:
        settings = {"retries": 0, "first_pause_seconds": 0.01, "timeout_seconds": 5.0, **options}
        async with Endpoint(url, **settings) as endpoint:  # type: ignore[arg-type]
            return await endpoint.find_model(None)

    return asyncio.run(go())


HTML = b"<!doctype html><html><body>Welcome to nginx!</body></html>"
ERRORS = [
    (401, b'{"error": {"message": "Unauthorized"}}', "--api-key"),
    (403, b"Forbidden", "--api-key"),
    (400, b'{"object": "error", "message": "API key error"}', "--api-key"),
    (404, b'{"detail": "Not Found"}', "swift rollout"),
    (405, b"", "swift rollout"),
    (200, HTML, "OpenAI-compatible"),
    (200, b'{"status": "ok"}', "OpenAI-compatible"),
    (200, b"[]", "OpenAI-compatible"),
    (503, b"loading", "look at its log"),
    (500, HTML, "look at its log"),
    (429, b"", "--concurrency"),
]


@pytest.mark.parametrize(("status", "body", "fix"), ERRORS)
def test_each_cause_has_its_own_hint(status: int, body: bytes, fix: str) -> None:
    with answering(status, body) as server, pytest.raises(ServerFailedError) as raised:
        find(address(server))
    told = str(raised.value)
    assert fix in told
    assert "end with /v1" not in told
    assert "\n" not in told
    others = {"--api-key", "--concurrency", "swift rollout", "look at its log"} - {fix}
    if fix != "OpenAI-compatible":
        assert not any(other in told for other in others)


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "Authentication failed, it refuses the key"), (403, "knows the key, which may not")],
)
def test_a_refused_key_is_named_as_what_it_is(status: int, told: str) -> None:
    with answering(status) as server, pytest.raises(ServerFailedError, match=told) as raised:
        find(address(server))
    assert f"HTTP {status}" in str(raised.value)
    assert "state --api-key, or OPENAI_API_KEY" in str(raised.value)


@pytest.mark.parametrize("status", [404, 200])
def test_only_a_wrong_path_asks_for_v1(status: int) -> None:
    with answering(status, HTML) as server, pytest.raises(ServerFailedError, match="end with /v1"):
        find(address(server, path=""))


def test_a_redirect_names_where_to(tmp_path: Path) -> None:
    moved = {"Location": "https://user:secret@elsewhere.example/v1/models"}
    with answering(301, b"", moved) as server, pytest.raises(ServerFailedError) as raised:
        find(address(server))
    assert "https://elsewhere.example/v1/models" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_nothing_listens() -> None:
    with pytest.raises(ServerFailedError, match="Nothing listens there"):
        find("http://127.0.0.1:9/v1")


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(ServerFailedError, match="name is not known"):
        find("http://no-such-host-for-tests.invalid/v1")


def test_plain_http_asked_with_tls() -> None:
    with (
        answering(200) as server,
        pytest.raises(ServerFailedError, match="http:// instead of https"),
    ):
        find(address(server, "https"))


def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    with answering(200, b'{"data": [{"id": "m"}]}') as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with pytest.raises(ServerFailedError, match="SSL_CERT_FILE"):
            find(address(server, "https"), retries=5)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(certificate))
            assert find(address(server, "https")).id == "m"


def test_the_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with answering(407, b"who are you?") as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{proxy.server_address[1]}")
        with pytest.raises(ServerFailedError, match="mend http_proxy") as raised:
            find("http://models.example.com/v1")
    assert "secret" not in str(raised.value)
    assert "127.0.0.1" in str(raised.value)
    with pytest.raises(ServerFailedError, match="mend http_proxy"):  # now nothing listens there
        find("http://models.example.com/v1")


def test_a_server_behind_a_proxy_is_reached_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with answering(200, b'{"data": [{"id": "far", "max_model_len": "8k"}]}') as proxy:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.server_address[1]}")
        listing = find("http://models.example.com/v1")
    assert (listing.id, listing.max_model_len) == ("far", None)


def test_a_socks_proxy_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swift_deepeyes.proxy.find_spec", lambda name: None)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(ServerFailedError, match="ALL_PROXY=socks5"):
        Endpoint("https://models.example.com/v1")
    with answering(200, b'{"data": [{"id": "near"}]}') as server:
        assert find(address(server)).id == "near"


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000/v1", "localhost/v1", "http://", "http://host:port/v1", "ftp://x/v1", ""]
)
def test_what_is_no_address_is_told_at_once(url: str) -> None:
    with pytest.raises(ServerFailedError, match="--base-url"):
        Endpoint(url)


@pytest.mark.parametrize("key", ["schlüssel", "a\nb", "\ud800"])
def test_a_key_that_no_header_carries(key: str) -> None:
    with pytest.raises(ServerFailedError, match="--api-key"):
        Endpoint("http://127.0.0.1:8000/v1", api_key=key)


@pytest.mark.parametrize("key", ["", " ", "sk-1 "])
def test_a_key_that_is_empty_or_ends_in_a_space_is_sent(key: str) -> None:
    with answering(200, b'{"data": [{"id": "m"}]}') as server:
        assert find(address(server), api_key=key).id == "m"


def test_the_address_is_shown_without_its_password() -> None:
    with pytest.raises(ServerFailedError) as raised:
        find("http://me:secret@127.0.0.1:9/v1")
    assert "secret" not in str(raised.value)


def test_a_reply_without_end_is_given_up() -> None:
    with (
        answering(200, b"x" * (65 * 2**20)) as server,
        pytest.raises(ServerFailedError, match="64 MB"),
    ):
        find(address(server))


def test_a_server_that_is_silent_is_timed_out() -> None:
    async def go() -> None:
        async def silent(reader: object, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(3)
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/v1"
        async with server, Endpoint(url, retries=0, timeout_seconds=0.3) as endpoint:
            await endpoint.find_model(None)

    with pytest.raises(ServerFailedError, match="--timeout"):
        asyncio.run(go())


def refused(text: str) -> ServerRefusedError:
    """The error of an evaluation that meets this refusal."""

    async def go() -> None:
        with HTTPServer("127.0.0.1") as server:
            reply = {"error": {"message": text}}
            server.expect_request("/v1/chat/completions").respond_with_json(reply, status=400)
            async with Endpoint(server.url_for("/v1"), retries=0) as endpoint:
                await endpoint.complete("m", [], Sampling(), seed=0)

    with pytest.raises(ServerRefusedError) as raised:
        asyncio.run(go())
    return raised.value


@pytest.mark.parametrize(
    ("text", "context", "images"),
    [
        ("At most 4 image(s) may be provided in one prompt.", None, 4),
        ("This model's maximum context length is 1500 tokens. You asked for 9000.", 1500, None),
        ("The prompt (length 70) is longer than the maximum model length of 64.", 64, None),
        ("input (16 tokens) is longer than the model's context length (15 tokens)", 15, None),
        ("something else 7", None, None),
    ],
)
def test_limits_are_read_from_a_refusal(text: str, context: int | None, images: int | None) -> None:
    refusal = refused(text)
    assert (refusal.max_context, refusal.max_images) == (context, images)


def test_another_kind_of_server_is_named_with_the_evaluations_option() -> None:
    with HTTPServer("127.0.0.1") as server:
        server.no_handler_status_code = 404
        routes = {"/infer/": {}, "/init_communicator/": {}, "/update_named_param/": {}}
        server.expect_request("/openapi.json").respond_with_json({"paths": routes})
        with pytest.raises(ServerFailedError) as raised:
            find(server.url_for("/v1"))
    assert str(raised.value).startswith("--base-url: http://127.0.0.1:")
    assert "ms-swift's rollout server" in str(raised.value)
    assert "DEEPEYES" not in str(raised.value)


def test_the_path_of_a_chat_server_is_named() -> None:
    with HTTPServer("127.0.0.1") as server:
        server.no_handler_status_code = 404
        server.expect_request("/v1/models").respond_with_json({"data": [{"id": "m"}]})
        with pytest.raises(ServerFailedError, match=r"Set --base-url=http://.*/v1 \(with"):
            find(server.url_for("/"))

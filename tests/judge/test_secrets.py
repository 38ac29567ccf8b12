"""Passwords and keys: used, and never printed, logged or written."""

from __future__ import annotations

import asyncio
import base64
import logging

import pytest
from pydantic import ValidationError

from swift_deepeyes.chat.identity import ServerKind, identify_server
from swift_deepeyes.doctor.judge import check_judge
from swift_deepeyes.judge import JudgeError
from swift_deepeyes.secret import hide_secrets
from swift_deepeyes.settings import Settings, SettingsError, read_settings
from tests.judge.chat_server import ChatServer
from tests.judge.judging import judge_all, make, samples

SECRET = "hunter2"
LOGIN = f"me:{SECRET}"


def with_login(url: str) -> str:
    return url.replace("://", f"://{LOGIN}@")


def test_an_address_with_a_login_is_used_as_one(server: ChatServer) -> None:
    server.script.authorization = "Basic " + base64.b64encode(LOGIN.encode()).decode()
    assert len(judge_all(make(with_login(server.url)), samples(3))) == 3
    identity = asyncio.run(identify_server(with_login(server.url)))
    assert (identity.kind, identity.url) == (ServerKind.CHAT, server.url)
    findings = check_judge(Settings(judge_base_url=(with_login(server.url),)))
    assert SECRET not in str(findings)


@pytest.mark.parametrize("trouble", ["path", "status", "away", "refuse", "middle", "key", "model"])
def test_no_error_and_no_log_line_holds_the_password(
    server: ChatServer, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = with_login(server.url)
    judge = make(url, key=f"key-{SECRET}", wait=0.7)
    match trouble:
        case "path":
            judge = make(url.removesuffix("/v1"), wait=0.7)
        case "status":
            server.script.models_status = 503
        case "away":
            server.stop()
        case "refuse":
            server.script.refuse = lambda request: "no"
        case "middle":
            judge_all(judge, samples(3))
            server.script.routes = ("/",)
        case "key":
            server.script.key = "another"
        case "model":
            judge = make(url, model="another")
    with pytest.raises(JudgeError) as error:
        judge_all(judge, samples(5, first=20))
    assert SECRET not in str(error.value)
    assert SECRET not in repr(error.getrepr(showlocals=False))
    assert SECRET not in caplog.text


def test_the_settings_do_not_print_them() -> None:
    settings = Settings(judge_base_url=f"http://{LOGIN}@host/v1", judge_api_key=f"key-{SECRET}")
    assert settings.judge_base_url == (f"http://{LOGIN}@host/v1",)
    assert settings.judge_api_key == f"key-{SECRET}"
    for text in (repr(settings), str(settings), f"{settings}"):
        assert SECRET not in text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DEEPEYES_JUDGE_BASE_URL", f"htp://{LOGIN}@host/v1"),
        ("DEEPEYES_JUDGE_BASE_URL", f"{LOGIN}@host:18901/v1"),
        ("DEEPEYES_JUDGE_BASE_URL", f"http://ok/v1,{LOGIN}@host/v1"),
        ("LLM_AS_A_JUDGE_BASE", f"ftp://me:a/{SECRET}@host/v1"),
        ("DEEPEYES_JUDGE_API_KEY", f"{SECRET}\u201d"),
    ],
)
def test_a_wrong_setting_names_itself_without_them(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable) as error:
        read_settings()
    assert SECRET not in str(error.value)
    assert "host" in str(error.value) or variable.endswith("KEY")
    with pytest.raises(ValidationError) as raw:
        Settings()
    assert SECRET not in str(raw.value)


def test_a_key_from_a_file_ends_in_a_newline() -> None:
    assert Settings(judge_api_key="abc\n").judge_api_key == "abc"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"http://{LOGIN}@host/v1", "http://***@host/v1"),
        (f"cannot reach 'https://{LOGIN}@h:1/x'.", "cannot reach 'https://***@h:1/x'."),
        (f"http://h/v1?api_key={SECRET}&a=b", "http://h/v1?api_key=***&a=b"),
        (f"Authorization: Bearer {SECRET}", "Authorization: Bearer ***"),
        ("http://host/v1 answers at 12:30 to a@b.c", "http://host/v1 answers at 12:30 to a@b.c"),
        ("The model `x` does not exist.", "The model `x` does not exist."),
    ],
)
def test_hiding(text: str, hidden: str) -> None:
    assert hide_secrets(text) == hidden

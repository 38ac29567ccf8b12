"""`plan --model organisation/name`: known offline, else one file of the hub of ms-swift."""

from __future__ import annotations

import json

import pytest
from pytest_httpserver import HTTPServer

from swift_deepeyes.planning.hub import fetch_config, is_hub_name
from swift_deepeyes.planning.models import CONFIGS, MODELS, ModelError, read_model

MODELSCOPE = "/api/v1/models/org/new-7b/repo"
QUERY = "Revision=master&FilePath=config.json"
HUGGING_FACE = "/org/new-7b/resolve/main/config.json"


@pytest.fixture
def modelscope(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    monkeypatch.delenv("USE_HF", raising=False)
    monkeypatch.setenv("MODELSCOPE_DOMAIN", httpserver.url_for("").rstrip("/"))
    return httpserver


@pytest.mark.parametrize("name", MODELS)
def test_names_of_the_table_need_no_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "127.0.0.1:9")
    assert read_model(MODELS[name].name) is MODELS[name]
    assert read_model(MODELS[name].name.lower()) is MODELS[name]


def test_another_name_is_read_from_modelscope(modelscope: HTTPServer) -> None:
    moved = modelscope.url_for("/elsewhere")
    modelscope.expect_oneshot_request(MODELSCOPE, query_string=QUERY).respond_with_data(
        "", status=302, headers={"Location": moved}
    )
    modelscope.expect_oneshot_request("/elsewhere").respond_with_json(CONFIGS["7b"])
    shape = read_model("org/new-7b")
    assert shape == MODELS["7b"].model_copy(update={"name": "org/new-7b"})
    modelscope.check_assertions()


def test_or_from_hugging_face_with_a_token(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USE_HF", "1")
    monkeypatch.setenv("HF_ENDPOINT", httpserver.url_for(""))
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    headers = {"Authorization": "Bearer hf_x"}
    httpserver.expect_oneshot_request(HUGGING_FACE, headers=headers).respond_with_json({"a": 1})
    assert json.loads(fetch_config("org/new-7b")) == {"a": 1}


@pytest.mark.parametrize(
    ("status", "told"),
    [(404, "has no such model"), (401, "MODELSCOPE_API_TOKEN"), (500, "answers HTTP 500")],
)
def test_a_refusal_is_one_line(modelscope: HTTPServer, status: int, told: str) -> None:
    modelscope.expect_request(MODELSCOPE).respond_with_data("<html>\n", status=status)
    with pytest.raises(ModelError, match=told) as error:
        read_model("org/new-7b")
    assert "\n" not in str(error.value) and str(error.value).startswith("org/new-7b: ")


def test_without_network_it_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USE_HF", raising=False)
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="is not reached") as error:
        read_model("org/new-7b")
    assert "give the folder" in str(error.value)


def test_what_the_hub_sends_need_not_be_a_config(modelscope: HTTPServer) -> None:
    modelscope.expect_request(MODELSCOPE).respond_with_data("<html>a login page</html>")
    with pytest.raises(ModelError, match="cannot build this model"):
        read_model("org/new-7b")


def test_what_may_be_a_name() -> None:
    assert is_hub_name("Qwen/Qwen2.5-VL-7B-Instruct")
    for other in ("7b", "/tmp/x", "./x", "../x", "a/b/c", "a/", "a b/c", "ä/b", "a/b\n"):
        assert not is_hub_name(other), other

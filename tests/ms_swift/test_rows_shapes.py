"""Rows of many shapes through ms-swift's loading: content lists, addresses, references, NaN."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from swift_deepeyes.dataset import fetch
from swift_deepeyes.dataset.images import BadImageError
from swift_deepeyes.ms_swift import rows as row_checks
from swift_deepeyes.ms_swift.rows import NoRowsLeftError, register_rows
from swift_deepeyes.scoring.row import read_row
from tests.dataset import lookalike
from tests.dataset.loading import indices, load, load_rows
from tests.dataset.loading import log as log_fixture
from tests.dataset.loading import own_registry as registry_fixture

log, own_registry = log_fixture, registry_fixture
Log = Callable[[], str]
PNG = lookalike.png()


@pytest.fixture(autouse=True)
def no_dead_hosts() -> None:
    fetch._failures.clear()


def parts(path: object, words: str = "Red?") -> list[dict[str, Any]]:
    return [{"type": "image", "image": path}, {"type": "text", "text": words}]


def with_parts(index: str, *content: list[dict[str, Any]], **columns: Any) -> dict[str, Any]:
    row = lookalike.row("vstar", index, **columns)
    system = {"role": "system", "content": [{"type": "text", "text": lookalike.TOOL_SYSTEM}]}
    row["prompt"] = [system, *({"role": "user", "content": one} for one in content)]
    return row


@pytest.mark.parametrize("streaming", [False, True])
def test_content_lists(tmp_path: Path, log: Log, streaming: bool) -> None:
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    one.write_bytes(lookalike.png(50, 40))
    two.write_bytes(lookalike.png(60, 40))
    rows = [
        with_parts("own", parts(str(one)), images=[]),
        with_parts("two", parts(str(one)), parts(str(two)), images=[]),
        with_parts("place", parts(None)),
        with_parts("two_for_one", parts(None), parts(None)),
        with_parts("broken", parts(str(tmp_path / "none.png")), images=[]),
    ]
    loaded = {
        row["extra_info"]["index"]: row for row in load_rows(tmp_path, rows, streaming=streaming)
    }
    assert list(loaded) == ["own", "two", "place"]
    assert loaded["own"]["messages"] == [
        {"role": "system", "content": lookalike.TOOL_SYSTEM},
        {"role": "user", "content": "<image>Red?"},
    ]
    assert [entry["path"] for entry in loaded["two"]["images"]] == [str(one), str(two)]
    assert loaded["place"]["images"][0]["bytes"] is not None
    assert "index='two_for_one' data_source='vstar': 2 <image> tags for 1 image" in log()
    assert "index='broken' data_source='vstar': no such file" in log()


def test_content_lists_without_a_column_of_images(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    path.write_bytes(PNG)
    rows = [with_parts(str(i), parts(str(path))) for i in range(2)]
    for row in rows:
        del row["images"]
    loaded = load_rows(tmp_path, rows)
    assert [row["images"][0]["path"] for row in loaded] == [str(path)] * 2


def test_json_lines_with_a_text_or_parts(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    path.write_bytes(PNG)
    rows = [
        {"messages": [{"role": "user", "content": parts(str(path))}], "solution": ["red", "rot"]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hm?"}]}]},
    ]
    file = tmp_path / "mine.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    register_rows("mine", file)
    first, second = load("mine")
    assert first["messages"][0]["content"] == "<image>Red?" and len(first["images"]) == 1
    assert second["messages"][0]["content"] == "Hm?"
    read = read_row(first)
    assert (read.reference, read.alternatives) == ("red", ("rot",))


@pytest.mark.parametrize(
    ("prompt", "column"),
    [
        ("<image>Red?", "prompt"),
        (json.dumps([{"role": "user", "content": "<image>Red?"}]), "prompt"),
        ([{"from": "human", "value": "<image>Red?"}], "conversations"),
        ([{"role": "user", "content": "Red?"}], "messages"),
    ],
)
def test_other_columns_and_shapes(tmp_path: Path, prompt: object, column: str) -> None:
    row = lookalike.row("vstar", 1)
    del row["prompt"]
    (loaded,) = load_rows(tmp_path, [row | {column: prompt}])
    content = loaded["messages"][-1]["content"]
    assert content.replace("\n", "") == "<image>Red?"


def test_messages_beside_a_prompt(tmp_path: Path) -> None:
    row = lookalike.row("vstar", 1) | {"messages": [{"role": "user", "content": "<image>Mine?"}]}
    (loaded,) = load_rows(tmp_path, [row])
    assert loaded["messages"] == [{"role": "user", "content": "<image>Mine?"}]


def test_conversations_without_a_question(tmp_path: Path, log: Log) -> None:
    system, question = {"role": "system", "content": "x"}, {"role": "user", "content": "<image>?"}
    prompts = {
        "no_user": [system],
        "no_content": [system, {"role": "user", "content": None}],
        "role": [{"role": "critic", "content": "<image>?"}],
        "good": [system, question],
    }
    rows = [lookalike.row("vstar", name, prompt=prompt) for name, prompt in prompts.items()]
    assert indices(load_rows(tmp_path, rows, strict=True)) == ["good"]
    for name, reason in (
        ("no_user", "no user message"),
        ("no_content", "a message of role 'user' without content"),
        ("role", "a message of role 'critic'"),
    ):
        assert f"Row dropped: extra_info.index='{name}' data_source='vstar': {reason}" in log()


def test_a_row_without_an_index_is_named_by_its_words(
    tmp_path: Path,
    log: Log,
) -> None:
    rows = [lookalike.row("vstar", 1), lookalike.row("vstar", 2, image=b"junk")]
    rows[1]["prompt"][1]["content"] = "<image>Where is the dog?"
    for row in rows:
        del row["extra_info"]
    assert len(load_rows(tmp_path, rows)) == 1
    assert "Where is the dog?" in log()


def test_addresses_are_fetched_once_and_kept(
    tmp_path: Path,
    log: Log,
    httpserver: HTTPServer,
) -> None:
    httpserver.expect_request("/good.png").respond_with_data(PNG)
    httpserver.expect_request("/gone.png").respond_with_data(b"", status=404)
    httpserver.expect_request("/page.png").respond_with_data(b"<html>")
    httpserver.expect_request("/moved.png").respond_with_response(
        Response(status=302, headers={"Location": httpserver.url_for("/good.png")})
    )
    addresses = {name: httpserver.url_for(f"/{name}.png") for name in ("good", "gone", "page")}
    addresses |= {"moved": httpserver.url_for("/moved.png")}
    addresses |= {"nobody": "http://127.0.0.1:9/a.png", "no_address": "http://"}
    rows = [lookalike.row("vstar", n) | {"images": [a]} for n, a in addresses.items()]
    rows.append(
        with_parts("part", [{"type": "image_url", "image_url": {"url": addresses["good"]}}])
    )
    # Arrow has one type per column: the parts stand in a file of their own.
    loaded = load_rows(tmp_path, rows[:-1])
    assert indices(loaded) == ["good", "moved"]
    assert [row["images"][0]["bytes"] for row in loaded] == [PNG, PNG]
    (part,) = load_rows(tmp_path, [rows[-1] | {"images": []}])
    assert part["images"][0]["bytes"] == PNG
    for name, reason in (
        ("gone", "HTTP status 404"),
        ("page", "unreadable image"),
        ("nobody", "ConnectError"),
        ("no_address", "cannot be fetched"),
    ):
        (line,) = (line for line in log().splitlines() if f"index='{name}'" in line)
        assert reason in line and (name == "page" or addresses[name] in line)


def test_a_host_that_is_not_there_is_not_asked_for_ever(
    tmp_path: Path,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(row_checks, "THREADS", 1)
    rows = [lookalike.row("vstar", "good")]
    rows[0]["images"] = [base64.b64encode(PNG).decode()]
    rows += [
        lookalike.row("vstar", f"{i}") | {"images": [f"http://127.0.0.1:9/{i}"]} for i in range(12)
    ]
    assert indices(load_rows(tmp_path, rows)) == ["good"]
    assert log().count("is not asked again") == 12 - fetch.DEAD_AFTER


def test_a_server_that_never_ends(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(_: object) -> Response:
        def lines():  # type: ignore[no-untyped-def]
            for _ in range(50):
                time.sleep(0.1)
                yield b"x"

        return Response(lines())

    httpserver.expect_request("/drip").respond_with_handler(drip)
    monkeypatch.setattr(fetch, "SECONDS", 0.5)
    start = time.monotonic()
    with pytest.raises(BadImageError, match="not complete"):
        fetch.fetch_image(httpserver.url_for("/drip"))
    assert time.monotonic() - start < 4  # not the 5 s that the server takes


def test_references_keep_one_type(tmp_path: Path, log: Log) -> None:
    lists = [lookalike.row("vstar", f"l{i}") for i in range(2)]
    for row in lists:
        row["reward_model"] = {"ground_truth": ["red", "dark red"]}
    register_rows("lists", lookalike.write(tmp_path / "lists.parquet", lists))
    texts = [lookalike.row("vstar", "t0")]
    texts[0]["reward_model"]["ground_truth"] = "[1, 2]"
    register_rows("texts", lookalike.write(tmp_path / "texts.parquet", texts))
    read = {row["extra_info"]["index"]: read_row(row) for row in load("lists", "texts")}
    assert (read["l1"].reference, read["l1"].alternatives) == ("red", ("dark red",))
    assert (read["t0"].reference, read["t0"].alternatives) == ("[1, 2]", ())
    assert "without a reference" not in log()


def test_nan_is_nothing_and_a_solution_is_a_reference(
    tmp_path: Path,
    log: Log,
) -> None:
    frame = pd.DataFrame(
        {
            "prompt": [[{"role": "user", "content": "<image>?"}]] * 4,
            "images": [[{"bytes": PNG, "path": None}]] * 4,
            "data_source": ["vstar"] * 4,
            "env_name": [float("nan")] * 4,
            "solution": [float("nan"), 3.0, float("nan"), 5.0],
            "reward_model": [{"ground_truth": value} for value in (float("nan"),) * 3 + (7.0,)],
            "extra_info": [{"index": i, "answer": float("nan")} for i in range(4)],
        }
    )
    frame.to_parquet(tmp_path / "mine.parquet")
    register_rows("mine", tmp_path / "mine.parquet")
    rows = load("mine")
    assert [read_row(row).reference for row in rows] == ["", "3.0", "", "7.0"]
    assert {row["env_name"] for row in rows} <= {"", None}
    assert "Of 4 rows: 4 without a question, 2 without a reference answer" in log()


@pytest.mark.parametrize("options", [{}, {"num_proc": 2}, {"streaming": True}])
def test_nothing_is_left(tmp_path: Path, log: Log, options: dict[str, Any]) -> None:
    rows = [lookalike.row("vstar", i) | {"images": ["no/such.png"]} for i in range(40)]
    for row in rows[:10]:
        row["prompt"] = row["prompt"][:1]
    with pytest.raises(NoRowsLeftError) as caught:
        load_rows(tmp_path, rows, **options)
    text = str(caught.value)
    assert "30 missing image, 10 no user message at the end" in text
    assert "no such file: 'no/such.png'" in text and "index='0'" in text
    assert "ROOT_IMAGE_DIR" in text


def test_many_dropped_rows_are_named_and_then_counted(
    tmp_path: Path,
    log: Log,
) -> None:
    rows = [lookalike.row("vstar", i, image=b"junk" if i else None) for i in range(1500)]
    assert indices(load_rows(tmp_path, rows)) == ["0"]
    lines = log().splitlines()
    assert sum("Row dropped" in line for line in lines) == row_checks.NAMED_ROWS
    assert sum("further ones are only counted" in line for line in lines) == 1
    assert "Of 1,000 rows: 999 dropped (999 unreadable image)" in log()
    assert "Of 500 rows: 500 dropped (500 unreadable image)" in log()
    assert len(lines) == row_checks.NAMED_ROWS + 3

"""Files of other shapes: content lists, other columns, lists of references, nothing left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.preparation.choices import RowIssue
from swift_deepeyes.scoring.row import read_row
from tests.dataset import lookalike


def parts(*paths: object, words: str = "Red?") -> list[dict[str, Any]]:
    images = [{"type": "image", "image": path, "text": None} for path in paths]
    return [*images, {"type": "text", "text": words, "image": None}]


def row_of(index: str, content: list[dict[str, Any]], **columns: Any) -> dict[str, Any]:
    row = lookalike.row("vstar", index, **columns)
    return row | {"prompt": [{"role": "user", "content": content}]}


def test_content_lists(prepared: Any, read: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    one.write_bytes(lookalike.png(50, 40))
    two.write_bytes(lookalike.encoded(Image.new("RGB", (20, 40)), "PNG"))
    rows = [
        row_of("own", parts(str(one), str(two)), images=[]),
        row_of("place", parts(None)),
        row_of("two_for_one", parts(None, None)),
        row_of("missing", parts("no/such.png"), images=[]),
    ]
    path = lookalike.write(tmp_path / "data/mine.parquet", rows)
    file = prepared(path).files["deepeyes_mine"]
    assert file.dropped == {RowIssue.MISSING_IMAGE: 1, RowIssue.IMAGE_TAGS: 1}
    own, place = read("deepeyes_mine")
    assert own["prompt"] == [{"role": "user", "content": "<image><image>Red?"}]
    assert own["images"][0]["path"] == str(one)
    assert own["images"][1]["bytes"] is not None  # it was small
    assert place["prompt"][0]["content"] == "<image>Red?"
    kept = prepared(path, dropped=frozenset({RowIssue.MISSING_IMAGE}), out="kept")
    assert kept.files["deepeyes_mine"].rows_train == 3
    assert read("deepeyes_mine", out="kept")[2]["prompt"][0]["content"] == "<image><image>Red?"


def test_other_columns(prepared: Any, read: Any, tmp_path: Path) -> None:
    row = lookalike.row("vstar", 1)
    conversation = [{"from": "human", "value": "Red?"}, {"from": "gpt", "value": "Yes"}]
    changes = {"conversations": conversation, "image": row["images"][0], "solution": "Yes"}
    changes |= {"reward_model": None, "extra_info": {"index": 1}}
    others = {key: value for key, value in row.items() if key not in ("prompt", "images")}
    prepared(lookalike.write(tmp_path / "data/mine.parquet", [others | changes]))
    (kept,) = read("deepeyes_mine")
    roles = [message["role"] for message in kept["prompt"]]
    assert roles == ["user", "assistant"] and kept["prompt"][0]["content"] == "<image>Red?"
    # The prepared file has no `solution`: its reference must not be lost.
    assert kept["reward_model"]["ground_truth"] == "Yes"


def test_messages_as_text(prepared: Any, read: Any, tmp_path: Path) -> None:
    messages = json.dumps([{"role": "user", "content": "<image>Red?"}])
    rows = [lookalike.row("vstar", str(i), prompt=text) for i, text in enumerate([messages, "?"])]
    rows.append(lookalike.row("vstar", "cut", prompt=messages[:-5]))
    file = prepared(lookalike.write(tmp_path / "data/mine.parquet", rows)).files["deepeyes_mine"]
    contents = [row["prompt"][0]["content"] for row in read("deepeyes_mine")]
    assert contents == ["<image>Red?", "<image>?"]
    assert "no JSON" in file.examples[RowIssue.NO_PROMPT][0]


def test_no_user_and_no_content(prepared: Any, tmp_path: Path) -> None:
    system = {"role": "system", "content": "Look."}
    prompts = [[system], [system, {"role": "user", "content": None}]]
    rows = [lookalike.row("vstar", str(i), prompt=prompt) for i, prompt in enumerate(prompts)]
    rows.append(lookalike.row("vstar", "good"))
    file = prepared(lookalike.write(tmp_path / "data/mine.parquet", rows)).files["deepeyes_mine"]
    assert file.dropped == {RowIssue.NO_PROMPT: 2}
    assert "no user message" in file.examples[RowIssue.NO_PROMPT][0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([None, None], [None, None]),
        (["visual_toolbox_v2", None], ["visual_toolbox_v2", ""]),
        (["", ""], ["", ""]),
    ],
)
def test_a_file_that_says_nothing_of_tools_leaves_it_to_the_prompts(
    prepared: Any, read: Any, tmp_path: Path, given: list[str | None], expected: list[str | None]
) -> None:
    rows = [lookalike.row("vstar", i, env_name=name) for i, name in enumerate(given)]
    prepared(lookalike.write(tmp_path / "data/mine.parquet", rows))
    assert [row["env_name"] for row in read("deepeyes_mine")] == expected


def test_lists_of_references(prepared: Any, read: Any, tmp_path: Path) -> None:
    rows = [lookalike.row("vstar", "0"), lookalike.row("vstar", "1")]
    rows[0]["reward_model"]["ground_truth"] = ["red", "dark red"]
    rows[1]["reward_model"]["ground_truth"] = ["[1, 2]"]
    path = lookalike.write(tmp_path / "data/mine.parquet", rows)
    prepared(path)
    first, second = read("deepeyes_mine")
    assert first["reward_model"]["ground_truth"] == "red"
    assert (read_row(first).reference, read_row(first).alternatives) == ("red", ("dark red",))
    assert (read_row(second).reference, read_row(second).alternatives) == ("[1, 2]", ())
    # Preparing what is prepared changes nothing.
    prepared(tmp_path / "out/deepeyes_mine.parquet", out="again")
    assert read("deepeyes_mine", out="again") == [first, second]


def test_nan_is_nothing(prepared: Any, read: Any, tmp_path: Path) -> None:
    row = lookalike.row("vstar", "0")
    frame = pd.DataFrame([row, row])
    frame["ability"] = float("nan")
    frame["reward_model"] = [{"ground_truth": float("nan")}, {"ground_truth": 3.0}]
    frame["extra_info"] = [{"index": "a", "answer": float("nan")}, {"index": "b"}]
    path = tmp_path / "data/mine.parquet"
    path.parent.mkdir()
    frame.to_parquet(path)
    file = prepared(path).files["deepeyes_mine"]
    assert file.dropped == {RowIssue.NO_REFERENCE: 1}
    (kept,) = read("deepeyes_mine")
    assert (kept["ability"], kept["reward_model"]["ground_truth"]) == ("", "3.0")


@pytest.mark.parametrize("again", [False, True])
def test_nothing_is_left(tmp_path: Path, again: bool) -> None:
    rows = [lookalike.row("vstar", str(i), image=b"junk") for i in range(3)]
    rows.append(lookalike.row("vstar", "3") | {"prompt": []})
    path = lookalike.write(tmp_path / "data/mine.parquet", rows)
    command = ["prepare", str(path), "--out", str(tmp_path / "out"), "--workers", "1"]
    for _ in range(1 + again):
        run = CliRunner().invoke(app, command)
    assert run.exit_code == 2
    text = " ".join(run.output.split())
    assert "error: nothing is left of mine.parquet: 3 broken_image, 1 no_prompt" in text


def test_one_of_two_files_is_left(tmp_path: Path) -> None:
    good = lookalike.write(tmp_path / "data/good.parquet", [lookalike.row("vstar", "1")])
    bad = [lookalike.row("vstar", "1", image=b"junk")]
    lookalike.write(tmp_path / "data/bad.parquet", bad)
    command = ["prepare", str(good.parent), "--out", str(tmp_path / "out"), "--workers", "1"]
    assert CliRunner().invoke(app, command).exit_code == 0

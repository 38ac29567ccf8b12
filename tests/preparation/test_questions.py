"""Questions of one's own become files that train; each bad row is named by its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.dataset.conversation import read_conversation
from swift_deepeyes.episode.messages import TURN_INSTRUCTION
from swift_deepeyes.scoring.row import read_row
from swift_deepeyes.tools import tool_schemas
from swift_deepeyes.tools.prompt import PLAIN_SYSTEM_PROMPT
from tests.dataset import lookalike
from tests.evaluation.own_tools import BOX, registries_restored, write_tool

GOOD = {"image": "images/a.png", "question": "What is it?", "answer": "a cat"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(lookalike.png(64, 48))
    (tmp_path / "images/b.jpg").write_bytes(lookalike.jpeg(90, 60))
    (tmp_path / "images/broken.png").write_bytes(b"not an image")
    (tmp_path / "images/thin.png").write_bytes(lookalike.png(2, 500))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # paths count from the file, not from here
    return tmp_path


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "questions.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def make(path: Path, *options: object) -> Any:
    out = path.parent / "out"
    arguments = ["make-data", path, "--out", out, "--workers", 1, *options]
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def rows_of(path: Path, name: str = "deepeyes_questions") -> list[dict[str, Any]]:
    return pq.read_table(path.parent / f"out/{name}.parquet").to_pylist()


def test_rows_train_as_the_published_ones_do(folder: Path) -> None:
    path = write(folder, GOOD, {**GOOD, "image": ["images/a.png", "images/b.jpg"], "answer": 7})
    done = make(path)
    assert done.exit_code == 0, done.output
    assert "--custom_dataset_info" in done.output and "--dataset deepeyes_questions" in done.output
    one, two = rows_of(path)
    assert one["images"] == [{"bytes": (folder / "images/a.png").read_bytes(), "path": None}]
    system, user = (message["content"] for message in one["prompt"])
    assert json.dumps(tool_schemas("visual_toolbox_v2")[0]) in system
    assert user == f"<image>\nWhat is it?{TURN_INSTRUCTION}"
    assert (one["env_name"], one["data_source"]) == ("visual_toolbox_v2", "questions")
    assert one["extra_info"]["index"] == "questions.jsonl:1"
    read = read_row({**one, "messages": one["prompt"]})
    assert (read.reference, read.question) == ("a cat", "What is it?")
    assert len(read_conversation(two["prompt"], two["images"]).images) == 2
    assert two["reward_model"]["ground_truth"] == "7"
    entry = json.loads((folder / "out/dataset_info.json").read_text())[0]
    assert entry["dataset_path"] == "deepeyes_questions.parquet"
    assert "prepared from questions.jsonl" in entry["help"]
    assert not [left for left in (folder / "out").iterdir() if left.name.startswith(".questions")]
    loaded = load_dataset("parquet", data_files=str(folder / "out/deepeyes_questions.parquet"))
    assert loaded["train"].num_rows == 2


BAD = [
    ({"img": "images/a.png", "question": "q", "answer": "a"}, "no 'image' (there are 'img',"),
    ({**GOOD, "image": "images/none.png"}, "no such file: 'images/none.png'"),
    ({**GOOD, "image": "images/broken.png"}, "unreadable image of 12 bytes: no known format"),
    ({**GOOD, "image": "images/thin.png"}, "2x500 pixels: an aspect ratio over 200"),
    ({**GOOD, "image": []}, "the 'image' is empty"),
    ({**GOOD, "question": " "}, "the 'question' is empty"),
    ({**GOOD, "answer": None}, "the 'answer' is empty"),
    ({**GOOD, "env_name": "nope"}, "no toolbox is loaded as 'nope' (there are "),
    ("{not json", "is not JSON: Expecting property name"),
    ('["a list"]', "no object with the fields image, question and answer"),
]


def test_each_bad_row_is_named_by_its_line(folder: Path) -> None:
    path = write(folder, GOOD, *(row for row, _ in BAD), {**GOOD, "answer": ["cat", "a kitten"]})
    done = make(path)
    assert done.exit_code == 0, done.output
    told = [line for line in done.output.splitlines() if line.startswith("left out: ")]
    for number, (line, (_, reason)) in enumerate(zip(told, BAD, strict=True), start=2):
        assert line.startswith(f"left out: questions.jsonl:{number}: ") and reason in line
    assert f"2 rows; {len(BAD)} left out" in done.output
    last = rows_of(path)[-1]["reward_model"]
    assert (last["ground_truth"], last["alternatives"]) == ("cat", '["a kitten"]')


def test_a_file_without_a_good_row_is_an_error(folder: Path) -> None:
    none = make(write(folder, {**GOOD, "image": "x.png"}, {**GOOD, "answer": ""}))
    assert none.exit_code == 2
    assert (
        "no row can be used. questions.jsonl:1: no such file: 'x.png' (and 1 more)" in none.output
    )
    empty = make(write(folder, ""))
    assert empty.exit_code == 2 and "there is no row in it" in empty.output
    away = make(folder / "away.jsonl")
    assert away.exit_code == 2 and "away.jsonl: no such file" in away.output


def test_a_table_with_images_elsewhere_and_columns_that_mean_nothing(folder: Path) -> None:
    path = folder / "mine.csv"
    path.write_text("image,question,answer,env_name,level\na.png,How many?,3,,hard\n")
    done = make(path, "--images", folder / "images")
    assert done.exit_code == 0, done.output
    assert "Columns that mean nothing here: level" in done.output
    (row,) = rows_of(path, "deepeyes_mine")
    assert (row["env_name"], row["prompt"][0]["content"]) == ("", PLAIN_SYSTEM_PROMPT)
    assert "tool" not in row["prompt"][1]["content"]
    assert row["extra_info"]["index"] == "mine.csv:2"


def test_a_tool_of_ones_own_and_a_prompt_of_ones_own(folder: Path) -> None:
    tool, prompt = write_tool(folder), folder / "system.txt"
    prompt.write_text("Mark things.")
    path = write(folder, GOOD, {**GOOD, "env_name": BOX}, {**GOOD, "env_name": None})
    with registries_restored():
        done = make(path, "--external_plugins", tool, "--system-prompt", prompt)
        assert done.exit_code == 0, done.output
        official, marked, plain = rows_of(path)
        assert official["prompt"][0]["content"] == "Mark things."
        assert json.dumps(tool_schemas(BOX)[0]) in marked["prompt"][0]["content"]
        assert "call **draw_marker_tool** if" in marked["prompt"][1]["content"]
        assert (plain["env_name"], marked["env_name"]) == ("", BOX)


def test_a_name_of_the_published_sources_brings_no_rules_of_theirs(folder: Path) -> None:
    path = write(folder, GOOD).rename(folder / "thinklite_eureka.jsonl")
    assert make(path).exit_code == 0
    (row,) = rows_of(path, "deepeyes_thinklite_eureka")
    assert row["data_source"] == "my_thinklite_eureka"

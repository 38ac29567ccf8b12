"""`prepare --prompt family` and `make-data`: what the files hold, and what the report says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.episode.boxes import Frame
from swift_deepeyes.episode.family import Family
from swift_deepeyes.preparation.report import PreparationReport, read_report
from swift_deepeyes.settings import BoxFormat
from swift_deepeyes.tools.family_prompt import STATEMENTS, Rewriting, form_of_family
from tests.dataset import lookalike
from tests.preparation import published

SAID = STATEMENTS[Frame.NORM1000]
ROWS = 4
NAMES = list(lookalike.FILES)


def family(name: Family, box_format: BoxFormat = BoxFormat.AUTO) -> dict[str, Any]:
    return {"prompt_style": "family", "prompt_form": form_of_family(name, box_format)}


@pytest.fixture
def three(tmp_path: Path) -> Path:
    for source, name in published.FILES.items():
        published.write(tmp_path / "data" / name, source, ROWS, flaws=False)
    return tmp_path / "data"


def test_all_three_files_in_the_words_of_a_json_family(
    three: Path, prepared: Any, read: Any
) -> None:
    report: PreparationReport = prepared(three, **family(Family.QWEN3_VL))
    plain = prepared(three, out="plain")
    for name in NAMES:
        has_tool = name != "deepeyes_thinklite"
        said = Rewriting.REWRITTEN if has_tool else Rewriting.WITHOUT_TOOL
        assert report.files[name].prompts == {said: ROWS} and plain.files[name].prompts == {}
        for mine, before in zip(read(name), read(name, out="plain"), strict=True):
            told = mine.pop("prompt")[0]["content"]
            assert (SAID in told) == has_tool == ("[250, 400, 500, 750]" in told)
            assert mine == {key: value for key, value in before.items() if key != "prompt"}
            assert "tools" not in mine


def test_a_family_that_words_calls_itself_has_the_column_in_every_file(
    three: Path, prepared: Any, read: Any, tmp_path: Path
) -> None:
    prepared(three, **family(Family.QWEN3_5))
    schemas = {pq.read_schema(tmp_path / f"out/{name}.parquet") for name in NAMES}
    assert len(schemas) == 1
    for name in NAMES:
        for row in read(name):
            assert row["prompt"][1]["content"].startswith("<image>\n")
            if name == "deepeyes_thinklite":
                assert row["tools"] is None
                assert row["prompt"][0]["content"] == published.MATH_SYSTEM
            else:
                assert SAID in row["tools"] and "tool" not in row["prompt"][0]["content"]
                assert row["prompt"][1]["content"].endswith(lookalike.INSTRUCTION)


@pytest.mark.parametrize("name", [Family.QWEN3_VL, Family.QWEN3_5, Family.QWEN2_5_VL])
def test_preparing_again_changes_nothing(
    three: Path, prepared: Any, read: Any, tmp_path: Path, name: Family
) -> None:
    prepared(three, **family(name))
    again = prepared(tmp_path / "out", out="again", **family(name))
    for dataset in NAMES:
        assert read(dataset, out="again") == read(dataset)
        assert Rewriting.REWRITTEN not in again.files[dataset].prompts


def test_the_box_format_that_the_scheduler_is_told(three: Path, prepared: Any, read: Any) -> None:
    prepared(three, **family(Family.QWEN3_VL, BoxFormat.PIXEL))
    told = read("deepeyes_vstar")[0]["prompt"][0]["content"]
    assert STATEMENTS[Frame.PIXEL] in told and "[10, 20, 100, 200]" in told


def test_other_words_are_counted_and_stay(prepared: Any, read: Any, tmp_path: Path) -> None:
    rows = [lookalike.row("vstar", index) for index in range(3)]
    rows[0]["prompt"][0]["content"] = published.TOOL_SYSTEM
    path = lookalike.write(tmp_path / "data/mine.parquet", rows)
    file = prepared(path, **family(Family.QWEN3_VL)).files["deepeyes_mine"]
    assert file.prompts == {Rewriting.REWRITTEN: 1, Rewriting.OTHER_WORDS: 2}
    assert [row["prompt"][0]["content"] for row in read("deepeyes_mine")][1:] == [
        lookalike.TOOL_SYSTEM
    ] * 2


def test_a_tools_column_is_kept_whatever_the_style(
    prepared: Any, read: Any, tmp_path: Path
) -> None:
    """It announces the tool, so it is no unknown column that may be dropped."""
    rows = [lookalike.row("vstar", index) for index in range(2)]
    for row in rows:
        row["prompt"][0]["content"] = "Look closely."
    rows[0]["tools"] = [json.loads(published.SIGNATURE)]
    rows[1]["tools"] = None
    path = lookalike.write(tmp_path / "data/mine.parquet", rows)
    file = prepared(path).files["deepeyes_mine"]
    kept = [row["tools"] for row in read("deepeyes_mine")]
    assert (json.loads(kept[0]), kept[1]) == ([json.loads(published.SIGNATURE)], None)
    assert file.unknown_columns == ()
    prepared(path, prompt_style="corrected")
    assert '"required": ["bbox_2d"]' in read("deepeyes_mine")[0]["tools"]
    file = prepared(path, **family(Family.QWEN3_VL)).files["deepeyes_mine"]
    assert SAID in read("deepeyes_mine")[0]["tools"]
    assert file.prompts == {Rewriting.REWRITTEN: 1, Rewriting.OTHER_WORDS: 1}


def test_the_command(three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, path = tmp_path / "out", str(three / lookalike.FILES["deepeyes_vstar"])
    command = ["prepare", path, "--out", str(out), "--workers", "1"]
    for options, said in (
        (["--prompt", "family"], "--family"),
        (["--family", "qwen3_vl"], "--prompt family"),
        (["--prompt", "familiy", "--family", "qwen3_vl"], "family"),
    ):
        run = CliRunner().invoke(app, [*command, *options], env={"COLUMNS": "200"})
        assert run.exit_code == 2 and said in run.output and not out.exists()
    monkeypatch.setenv("DEEPEYES_BBOX_FORMAT", "pixel")
    monkeypatch.setenv("DEEPEYES_PROMPT", "family")
    run = CliRunner().invoke(app, [*command, "--family", "qwen3_5"])
    assert run.exit_code == 0, run.output
    assert "prompts in the family's form: 4 rewritten" in run.output
    (file,) = read_report(out).files.values()
    assert file.recipe.prompt_form == form_of_family(Family.QWEN3_5, BoxFormat.PIXEL)


def test_questions_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "desk.png").write_bytes(lookalike.png())
    line = {"image": "desk.png", "question": "What is it?", "answer": "a desk"}
    (tmp_path / "mine.jsonl").write_text(json.dumps(line))
    command = ["make-data", str(tmp_path / "mine.jsonl"), "--out", str(tmp_path / "out")]
    run = CliRunner().invoke(app, [*command, "--prompt", "family", "--family", "qwen3_vl"])
    assert run.exit_code == 0, run.output
    (row,) = pq.read_table(tmp_path / "out/deepeyes_mine.parquet").to_pylist()
    assert SAID in row["prompt"][0]["content"]

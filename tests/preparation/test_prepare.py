"""What comes out of a file: which rows, in which form, and what the report says of them."""

from __future__ import annotations

import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.cli.tables.prepare import memory_advice, render
from swift_deepeyes.errors import PrepareError
from swift_deepeyes.preparation.choices import DROPPED_BY_DEFAULT, RowIssue
from swift_deepeyes.preparation.parts import Side, side_of
from swift_deepeyes.preparation.recipe import CHART_MAX_PIXELS, Recipe
from swift_deepeyes.preparation.report import PreparationReport, read_report
from swift_deepeyes.preparation.run import prepare
from swift_deepeyes.progress import Progress
from tests.dataset import lookalike
from tests.preparation import published

ROWS = 60
# Rows of `published.FLAWS`, by what is wrong with them.
FLAWED = {
    3: RowIssue.BROKEN_IMAGE,
    5: RowIssue.MISSING_IMAGE,
    7: RowIssue.MISSING_IMAGE,
    9: RowIssue.THIN_IMAGE,
    11: RowIssue.NO_IMAGE,
    13: RowIssue.NO_REFERENCE,
    17: RowIssue.NO_PROMPT,
}


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small look-alikes of the three files, each with one row of every flaw."""
    folder = tmp_path_factory.mktemp("published")
    published.write_all(folder, ROWS)
    return folder


@pytest.fixture(scope="session")
def usual(three: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[PreparationReport, Path]:
    """The report and the folder of one run by the default recipe."""
    out = tmp_path_factory.mktemp("usual")
    return prepare([three], out, Recipe(), 2, Progress()), out


def rows_of(folder: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def image_sizes(rows: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [Image.open(BytesIO(row["images"][0]["bytes"])).size for row in rows]


def test_three_files_get_one_schema(usual: tuple[PreparationReport, Path]) -> None:
    schemas = [pq.read_schema(usual[1] / f"{name}.parquet") for name in lookalike.FILES]
    assert schemas[0].equals(schemas[1]) and schemas[1].equals(schemas[2])
    assert schemas[0].field("extra_info").type.field("index").type == pa.string()
    assert "prompt" in schemas[0].names


def test_flawed_rows_are_dropped_and_named(usual: tuple[PreparationReport, Path]) -> None:
    file = usual[0].files["deepeyes_vstar"]
    kept = [row["extra_info"]["index"] for row in rows_of(usual[1], "deepeyes_vstar")]
    assert kept == [f"vstar-{number}" for number in range(ROWS) if number not in FLAWED]
    assert (file.rows_in, file.rows_train, sum(file.dropped.values())) == (ROWS, 53, 7)
    assert file.dropped[RowIssue.MISSING_IMAGE] == 2
    assert file.examples[RowIssue.BROKEN_IMAGE][0].startswith("row 3 (index vstar-3): unreadable")
    assert "no such file" in file.examples[RowIssue.MISSING_IMAGE][1]
    assert file.issues[RowIssue.NO_QUESTION] == 1 and RowIssue.NO_QUESTION not in file.dropped
    # Row 11 has no image for its tag: one row, two flaws, dropped once.
    assert file.issues[RowIssue.IMAGE_TAGS] == 1 and RowIssue.IMAGE_TAGS not in file.dropped


def test_flaws_can_be_kept_and_dropped_by_choice(three: Path, prepared: Any, read: Any) -> None:
    everything = frozenset({RowIssue.EXCLUDED_CHART})
    assert prepared(three, dropped=everything).files["deepeyes_vstar"].rows_train == ROWS
    kept = read("deepeyes_vstar")
    assert kept[5]["images"] == [{"bytes": None, "path": None}]
    assert kept[17]["prompt"] == []
    dropped = DROPPED_BY_DEFAULT | {RowIssue.CONTRADICTORY, RowIssue.NO_QUESTION}
    file = prepared(three, dropped=dropped).files["deepeyes_vstar"]
    assert file.rows_train == 53 - 3 - 1
    assert file.dropped[RowIssue.CONTRADICTORY] == 3
    indices = {row["extra_info"]["index"] for row in read("deepeyes_vstar")}
    assert not indices & {"vstar-19", "vstar-21", "vstar-23", "vstar-15"}


def test_contradictions_and_foreign_options_are_listed(
    usual: tuple[PreparationReport, Path],
) -> None:
    files = usual[0].files
    (group,) = files["deepeyes_vstar"].contradictions
    assert [(row.row, row.reference) for row in group] == [(19, "A"), (21, "B"), (23, "(A).")]
    assert files["deepeyes_vstar"].duplicates == 1  # "(A)." is "A"
    assert files["deepeyes_chart"].examples[RowIssue.NOT_AN_OPTION][0] == "row 25 (index 25): G"


def test_the_report_knows_the_math_references(usual: tuple[PreparationReport, Path]) -> None:
    files = usual[0].files
    assert files["deepeyes_vstar"].math is None
    math = files["deepeyes_thinklite"].math
    assert math is not None
    assert math.references == files["deepeyes_thinklite"].rows_train
    assert math.unmatched == 1  # row 27: "x}{y"
    assert files["deepeyes_thinklite"].issues[RowIssue.UNMATCHED_REFERENCE] == 1
    assert math.facts["words"] >= 10
    assert "\\{1, 2\\}" in math.examples["cut_by_official_regex"]


def test_small_images_grow_and_good_ones_are_the_same_bytes(
    three: Path, usual: tuple[PreparationReport, Path]
) -> None:
    images = usual[0].files["deepeyes_thinklite"].images
    assert images.before is not None and images.after is not None
    assert images.before.smallest_side == 20 and images.after.smallest_side == 32
    assert images.enlarged > 0 and images.reduced == 0
    source = pq.read_table(three / lookalike.FILES["deepeyes_thinklite"]).to_pylist()
    before = {row["extra_info"]["index"]: row["images"] for row in source}
    same = 0
    for row in rows_of(usual[1], "deepeyes_thinklite"):
        size = image_sizes([row])[0]
        assert min(size) >= 32
        same += row["images"][0]["bytes"] == before[row["extra_info"]["index"]][0]["bytes"]
    assert same == images.images - images.enlarged


def test_charts_are_capped_kept_or_excluded(
    three: Path, prepared: Any, read: Any, usual: tuple[PreparationReport, Path], tmp_path: Path
) -> None:
    capped = usual[0].files
    charts = rows_of(usual[1], "deepeyes_chart")
    assert capped["deepeyes_chart"].images.reduced == 1
    assert max(w * h for w, h in image_sizes(charts)) == pytest.approx(CHART_MAX_PIXELS, rel=0.01)
    assert capped["deepeyes_vstar"].images.reduced == 0
    kept = prepared(three, chart="keep", max_side=100).files
    assert kept["deepeyes_chart"].images.reduced == 0
    assert max(max(size) for size in image_sizes(read("deepeyes_vstar"))) == 100
    report = prepared(three, chart="exclude")
    assert report.files["deepeyes_chart"].dropped == {RowIssue.EXCLUDED_CHART: ROWS}
    assert not (tmp_path / "out/deepeyes_chart.parquet").exists()
    assert memory_advice(report) is None


def test_chart_rows_of_a_mixed_file_are_left_out_one_by_one(prepared: Any, tmp_path: Path) -> None:
    rows = [lookalike.row("chart" if i % 2 else "vstar", i) for i in range(6)]
    path = lookalike.write(tmp_path / "data/mine.parquet", rows)
    file = prepared(path, chart="exclude").files["deepeyes_mine"]
    assert file.dropped == {RowIssue.EXCLUDED_CHART: 3}
    assert file.rows_train == 3


def test_the_split_is_fixed_by_the_image(prepared: Any, read: Any, tmp_path: Path) -> None:
    pictures = [lookalike.png(40 + i, 40) for i in range(30)]
    rows = [lookalike.row("vstar", i, image=pictures[i % 30]) for i in range(90)]
    one = lookalike.write(tmp_path / "data/one.parquet", rows)
    other = lookalike.write(tmp_path / "data/other.parquet", rows[::-1])
    file = prepared(one, validation=0.2).files["deepeyes_one"]
    prepared(other, validation=0.2, max_side=45)
    sides = {
        name: {row["extra_info"]["index"] for row in read(name)}
        for name in ("deepeyes_one_validation", "deepeyes_other_validation", "deepeyes_one")
    }
    assert sides["deepeyes_one_validation"] == sides["deepeyes_other_validation"]
    assert not sides["deepeyes_one_validation"] & sides["deepeyes_one"]
    assert file.rows_validation % 3 == 0  # the three rows of an image stay together
    assert 0 < file.rows_validation < 90
    prepared(one)  # without a split nothing may be left of the other
    assert not (tmp_path / "out/deepeyes_one_validation.parquet").exists()


def test_a_larger_fraction_only_adds_rows() -> None:
    keys = [f"{pow(3, n, 2**127 - 1) << 1:032x}" for n in range(200, 4200)]
    small = {key for key in keys if side_of(key, 0.05) is Side.VALIDATION}
    large = {key for key in keys if side_of(key, 0.2) is Side.VALIDATION}
    assert small < large
    assert 0.02 < len(small) / len(keys) < 0.09
    assert not any(side_of(key, 0.0) is Side.VALIDATION for key in keys)


def test_column_and_prompt_by_choice(three: Path, prepared: Any, read: Any) -> None:
    prepared(three, prompt_column="messages", prompt_style="corrected")
    row = read("deepeyes_vstar")[0]
    assert "prompt" not in row
    assert '"required":["bbox_2d"]' in row["messages"][0]["content"]
    assert row["messages"][1]["content"].endswith(lookalike.INSTRUCTION)
    assert read("deepeyes_thinklite")[0]["messages"][0]["content"] == published.MATH_SYSTEM


def test_unknown_columns(prepared: Any, read: Any, tmp_path: Path) -> None:
    row = lookalike.row("vstar", 1) | {"solution": "B", "level": 3}
    row["extra_info"] |= {"difficulty": 2.5}
    path = lookalike.write(tmp_path / "data/mine.parquet", [row])
    file = prepared(path).files["deepeyes_mine"]
    assert file.unknown_columns == ("solution", "level", "extra_info.difficulty")
    assert not {"solution", "level"} & set(read("deepeyes_mine")[0])
    prepared(path, unknown_columns="keep")
    (kept,) = read("deepeyes_mine")
    assert (kept["solution"], kept["level"], kept["extra_info"]["difficulty"]) == ("B", 3, "2.5")


def test_structs_as_json_and_missing_columns(prepared: Any, read: Any, tmp_path: Path) -> None:
    row = lookalike.row("vstar", 7)
    row["extra_info"] = json.dumps(row["extra_info"])
    del row["ability"], row["env_name"]
    prepared(lookalike.write(tmp_path / "data/mine.parquet", [row]))
    (kept,) = read("deepeyes_mine")
    assert (kept["extra_info"]["index"], kept["ability"], kept["env_name"]) == ("7", "", None)


def test_prepared_files_are_cheap_to_read(prepared: Any, tmp_path: Path) -> None:
    """Small row groups without dictionaries: a reader holds some megabytes, not the whole file."""
    path = published.write(tmp_path / "data/mine.parquet", "vstar", 600, flaws=False)
    prepared(path)
    metadata = pq.read_metadata(tmp_path / "out/deepeyes_mine.parquet")
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    assert sum(group.num_rows for group in groups) == 600
    assert max(group.num_rows for group in groups) == 256
    columns = [groups[0].column(i) for i in range(metadata.num_columns)]
    assert not any(column.has_dictionary_page for column in columns)
    (images,) = (column for column in columns if column.path_in_schema.endswith("bytes"))
    assert images.compression == "UNCOMPRESSED"


def test_wrong_inputs_are_named(three: Path, prepared: Any, tmp_path: Path) -> None:
    junk = tmp_path / "junk.parquet"
    junk.write_bytes(b"PAR1 and no more")
    table = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": [1]}), table)
    cut = tmp_path / "cut.parquet"
    cut.write_bytes((three / lookalike.FILES["deepeyes_vstar"]).read_bytes()[:-100])
    for path, message in (
        (tmp_path / "none.parquet", "no such file"),
        (junk, "not a complete Parquet file"),
        (cut, "not a complete Parquet file"),
        (table, "needs the columns prompt"),
        (tmp_path / "out", "no such file|no Parquet file in this folder"),
    ):
        with pytest.raises(PrepareError, match=message):
            prepared(path)
    with pytest.raises(PrepareError, match="another folder"):
        prepared(junk, out=".")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/mine.parquet").touch()
    (tmp_path / "b/MINE.parquet").touch()
    with pytest.raises(PrepareError, match="both become deepeyes_mine"):
        prepared(tmp_path / "b")


def test_the_report_can_be_shown(usual: tuple[PreparationReport, Path]) -> None:
    console = Console(width=160, record=True, file=StringIO())
    for block in render(usual[0]):
        console.print(block)
    text = console.export_text()
    for part in ("deepeyes_thinklite", "contradictory", "cut by the official regex", "Memory:"):
        assert part in text
    assert "row 27" in text and "x}{y" in text


def test_the_command(three: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--keep", "no_reference", "--drop", "not_an_option", "--workers", "1", "--messages"]
    command = ["prepare", str(three / lookalike.FILES["deepeyes_chart"]), "--out", str(out)]
    run = CliRunner().invoke(app, [*command, *options])
    assert run.exit_code == 0, run.output
    file = read_report(out).files["deepeyes_chart"]
    assert RowIssue.NO_REFERENCE not in file.dropped and file.dropped[RowIssue.NOT_AN_OPTION] == 3
    assert "messages" in pq.read_schema(out / "deepeyes_chart.parquet").names
    wrong = CliRunner().invoke(app, ["prepare", str(tmp_path / "none"), "--out", str(out)])
    assert wrong.exit_code == 2
    assert "no such file" in wrong.output

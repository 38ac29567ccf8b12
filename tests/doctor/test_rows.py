"""Files as the doctor sees them: columns, and the trainer's own checks on a sample of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from swift_deepeyes.doctor.dataset import check_dataset
from swift_deepeyes.doctor.finding import Finding, Health
from swift_deepeyes.doctor.rows import SAMPLED_ROWS, sample
from tests.dataset import lookalike


def checked(tmp_path: Path, rows: list[dict[str, Any]]) -> list[Finding]:
    return check_dataset(lookalike.write(tmp_path / lookalike.FILES["deepeyes_vstar"], rows))


def test_a_good_file(tmp_path: Path) -> None:
    findings = checked(tmp_path, [lookalike.row("vstar", str(n)) for n in range(3)])
    assert {finding.health for finding in findings} == {Health.OK}
    assert findings[0].text.startswith("3 rows, columns ")
    assert findings[-1].text == "checked as in training: 3 of 3 rows, nothing to say"
    one = checked(tmp_path, [lookalike.row("vstar", "0")])
    assert one[0].text.startswith("1 row, ") and "1 of 1 row," in one[-1].text


def test_missing_columns_and_files(tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    pq.write_table(pa.table({"images": ["x"]}), path)
    (finding,) = check_dataset(path)
    assert finding.health is Health.FAILED and "reward_model, data_source, prompt" in finding.text
    (finding,) = check_dataset(tmp_path / "no")
    assert finding.health is Health.FAILED and "is not there" in finding.text
    path.write_bytes(b"no parquet")
    (finding,) = check_dataset(path)
    assert finding.health is Health.FAILED and "cannot be read as parquet" in finding.text


def test_content_lists_need_no_column_of_images(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(lookalike.png())
    part = {"type": "image", "image": str(image), "text": None}
    words = {"type": "text", "image": None, "text": "image_zoom_in_tool: what is it?"}
    row = {"messages": [{"role": "user", "content": [part, words]}], "solution": "x"}
    row |= {"data_source": "vstar", "env_name": "visual_toolbox_v2"}
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.Table.from_pylist([row]), path)
    findings = check_dataset(path)
    assert findings[0].health is Health.OK and "without a question" in findings[-1].text
    row["messages"] = [{"role": "user", "content": [words]}]
    pq.write_table(
        pa.Table.from_pylist([{**row, "messages": [{"role": "user", "content": "?"}]}]), path
    )
    assert "no column images" in check_dataset(path)[0].text


FAULTS = {
    "missing image": (
        {"image": {"bytes": None, "path": "/nowhere/a.png"}},
        "ROOT_IMAGE_DIR",
    ),
    "unreadable image": ({"image": b"no image"}, "copy the file anew"),
    "an env_name that names no toolbox": (
        {
            "env_name": "visual_tolbox_v2",
            "prompt": [{"role": "user", "content": "<image>What is it?"}],
        },
        "--external-plugins",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_row_that_training_would_drop(fault: str, tmp_path: Path) -> None:
    changes, fix = FAULTS[fault]
    bad, good = lookalike.row("vstar", "bad", **changes), lookalike.row("vstar", "good")
    (finding,) = [f for f in checked(tmp_path, [good, bad]) if f.health is not Health.OK]
    assert finding.health is Health.WARNING and fix in finding.fix
    assert f"1 row (2 of 2 rows looked at) is dropped in training: {fault}" in finding.text
    assert "extra_info.index='bad' data_source='vstar'" in finding.text
    failed, _ = [f for f in checked(tmp_path, [bad]) if f.health is not Health.OK]
    assert failed.text == "none of 1 sampled row can be trained on"


def test_rows_whose_prompt_does_not_announce_their_tools(tmp_path: Path) -> None:
    prompt = [{"role": "user", "content": "<image>What is it?"}]
    rows = [lookalike.row("vstar", str(n), prompt=prompt) for n in range(2)]
    (finding,) = [f for f in checked(tmp_path, rows) if f.health is not Health.OK]
    assert finding.text == "2 of 2 with a toolbox that the prompt does not announce"
    assert "tool_schemas" in finding.fix


def test_the_sample_is_spread_over_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large.parquet"
    pq.write_table(pa.table({"n": list(range(5000))}), path, row_group_size=500)
    table, of = sample(path)
    numbers = table.column("n").to_pylist()
    assert (len(numbers), of) == (SAMPLED_ROWS, 5000)
    assert numbers[0] == 0 and numbers[-1] > 4000

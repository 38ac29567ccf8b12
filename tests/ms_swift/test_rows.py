"""Rows as the real ms-swift loads them: three files at once, bad images, several processes."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
from PIL import Image
from swift.dataset import register as swift_register
from swift.dataset import register_dataset_info
from swift.dataset.preprocessor import AutoPreprocessor

from swift_deepeyes.demo.processes import swift_environment
from swift_deepeyes.ms_swift.rows import (
    DeepEyesRows,
    NoRowsLeftError,
    install_row_preprocessor,
    register_rows,
)
from tests.dataset import lookalike
from tests.dataset.loading import load
from tests.dataset.loading import log as log_fixture
from tests.dataset.loading import own_registry as registry_fixture

log, own_registry = log_fixture, registry_fixture
ROOT = Path(__file__).parents[2]
NAMES = list(lookalike.FILES)


@pytest.fixture
def three_files(tmp_path: Path) -> Path:
    """`dataset_info.json` with look-alike files where it points to."""
    lookalike.write_all(tmp_path / "data")
    shutil.copy(ROOT / "dataset_info.json", tmp_path)
    install_row_preprocessor()
    register_dataset_info(str(tmp_path / "dataset_info.json"))
    return tmp_path


def test_three_files_concatenate_with_one_type_per_column(three_files: Path) -> None:
    rows = load(*NAMES)
    assert [row["data_source"] for row in rows] == (
        ["vstar"] * 5 + ["chart"] * 5 + ["thinklite_eureka"] * 5
    )
    assert [rows[i]["extra_info"]["index"] for i in (0, 5, 10)] == ["vstar-0", "0", "0"]
    assert [rows[i]["env_name"] for i in (0, 5, 10)] == ["visual_toolbox_v2"] * 2 + [""]
    assert [rows[i]["reward_model"]["ground_truth"] for i in (0, 10)] == ["A", "42"]
    assert rows[10]["extra_info"]["difficulty"] == "3"
    for row in rows:
        assert [message["role"] for message in row["messages"]] == ["system", "user"]
        assert row["messages"][1]["content"].startswith("<image>\nWhat is number")
        assert row["ability"] and row["extra_info"]["question"]


def test_the_names_get_our_rows_and_others_do_not(three_files: Path) -> None:
    other = {"dataset_name": "other", "dataset_path": "data/x.parquet"}
    swift_register._register_d_info(other, base_dir=str(three_files))
    kinds = {
        name: swift_register.DATASET_MAPPING[name].preprocess_func for name in [*NAMES, "other"]
    }
    assert all(isinstance(kinds[name], DeepEyesRows) for name in NAMES)
    assert isinstance(kinds["other"], AutoPreprocessor)


def test_installing_twice_wraps_once() -> None:
    install_row_preprocessor()
    once = swift_register.register_dataset
    install_row_preprocessor()
    assert swift_register.register_dataset is once


def test_without_the_plugin_the_json_alone_still_loads(tmp_path: Path) -> None:
    lookalike.write_all(tmp_path / "data")
    shutil.copy(ROOT / "dataset_info.json", tmp_path)
    register_dataset_info(str(tmp_path / "dataset_info.json"))
    assert len(load("deepeyes_vstar")) == 5


def test_sampling(three_files: Path) -> None:
    rows = load(*(f"{name}#2" for name in NAMES))
    assert [row["data_source"] for row in rows] == ["vstar"] * 2 + ["chart"] * 2 + [
        "thinklite_eureka"
    ] * 2


@pytest.mark.skipif(
    not hasattr(datasets, "List"),
    reason="datasets before 4 cannot stream several files whose extra_info has other keys",
)
def test_streaming(three_files: Path) -> None:
    rows = load(*NAMES, streaming=True)
    assert len(rows) == 15
    assert {row["env_name"] for row in rows} == {"visual_toolbox_v2", ""}
    assert all(isinstance(row["images"][0]["bytes"], bytes) for row in rows)
    assert rows[5]["extra_info"]["index"] == "0"


def test_several_processes(three_files: Path, log: Callable[[], str]) -> None:
    rows = [lookalike.row("vstar", f"row-{i}", image=b"junk" if i % 2 else None) for i in range(8)]
    register_rows("mine", lookalike.write(three_files / "mine.parquet", rows))
    loaded = load("mine", num_proc=2)
    assert [row["extra_info"]["index"] for row in loaded] == ["row-0", "row-2", "row-4", "row-6"]
    assert all(f"extra_info.index='row-{i}' data_source='vstar'" in log() for i in (1, 3, 5, 7))


GOOD = {
    "rgb": lookalike.png(),
    "palette": lookalike.png(mode="P"),
    "grey": lookalike.png(mode="L"),
    "alpha": lookalike.png(mode="RGBA"),
    "cmyk": lookalike.jpeg(mode="CMYK"),
    "sixteen_bit": lookalike.encoded(Image.new("I;16", (64, 64), 40000), "PNG"),
    "rotated": lookalike.jpeg(
        exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03"
        b"\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"
    ),
    "progressive": lookalike.jpeg(progressive=True),
    "webp": lookalike.encoded(Image.new("RGB", (64, 64)), "WEBP"),
}
BAD = {
    "corrupt_png": (lookalike.png()[:60] + b"!" + lookalike.png()[61:], "unreadable image"),
    "truncated_png": (lookalike.png(300, 300)[:-300], "unreadable image"),
    "truncated_jpeg": (lookalike.jpeg(300, 300)[:-300], "unreadable image"),
    "empty": ({"bytes": b"", "path": None}, "empty bytes"),
    "nothing": ({"bytes": None, "path": None}, "neither bytes nor a path"),
    "missing": ({"bytes": None, "path": "no/such.png"}, "no such file: 'no/such.png'"),
    "not_an_image": (b"<html>404</html>", "unreadable image"),
    "needle": (lookalike.png(1, 1000), "an aspect ratio over 200"),
}


def test_bad_images_are_named_and_the_rest_trains(tmp_path: Path, log: Callable[[], str]) -> None:
    rows = [lookalike.row("vstar", name, image=image) for name, image in GOOD.items()]
    rows += [lookalike.row("chart", name, image=image) for name, (image, _) in BAD.items()]
    register_rows("mine", lookalike.write(tmp_path / "mine.parquet", rows))
    loaded = load("mine", strict=True)  # strict: nothing is raised on the way
    assert {row["extra_info"]["index"]: row["images"][0]["bytes"] for row in loaded} == GOOD
    errors = [line for line in log().splitlines() if line.startswith("ERROR")]
    assert len(errors) == len(BAD)
    for (name, (_, reason)), line in zip(BAD.items(), errors, strict=True):
        assert line.startswith(
            f"ERROR Row dropped: extra_info.index='{name}' data_source='chart': "
        )
        assert reason in line
    assert f"Of {len(rows)} rows: {len(BAD)} dropped" in log()


def test_files_that_decode_on_reading_survive_a_corrupt_image(
    tmp_path: Path, log: Callable[[], str]
) -> None:
    rows = [lookalike.row("chart", i, image=b"junk" if i == 1 else None) for i in range(3)]
    register_rows("mine", lookalike.write_with_image_feature(tmp_path / "mine.parquet", rows))
    assert [row["extra_info"]["index"] for row in load("mine")] == ["0", "2"]
    assert [row["extra_info"]["index"] for row in load("mine", streaming=True)] == ["0", "2"]
    assert "extra_info.index='1' data_source='chart'" in log()


def test_images_by_path_and_base64_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/good.png").write_bytes(lookalike.png())
    (tmp_path / "pictures/cut.png").write_bytes(lookalike.png()[:-20])
    text = base64.b64encode(lookalike.png()).decode()
    paths = {
        "relative": "pictures/good.png",
        "root": "good.png",
        "cut": "pictures/cut.png",
        "base64": text,
        "uri": f"data:image/png;base64,{text}",
        "address": "http://127.0.0.1:9/nobody-listens.png",
    }
    monkeypatch.setenv("ROOT_IMAGE_DIR", "pictures")
    rows = [lookalike.row("vstar", name) | {"images": [path]} for name, path in paths.items()]
    register_rows("mine", lookalike.write(tmp_path / "mine.parquet", rows))
    loaded = {row["extra_info"]["index"]: row["images"][0]["path"] for row in load("mine")}
    assert loaded == {name: path for name, path in paths.items() if name not in ("cut", "address")}


def test_a_batch_in_which_every_row_is_bad(tmp_path: Path) -> None:
    rows = [lookalike.row("vstar", i, image=b"junk" if i < 1000 else None) for i in range(1002)]
    register_rows("mine", lookalike.write(tmp_path / "mine.parquet", rows))
    assert [row["extra_info"]["index"] for row in load("mine")] == ["1000", "1001"]


def test_rows_without_prompt_or_image(tmp_path: Path, log: Callable[[], str]) -> None:
    rows = [
        lookalike.row("vstar", "no_prompt", prompt=[]),
        lookalike.row("vstar", "no_image", images=[]),
        lookalike.row("vstar", "no_reference", reward_model={"style": "model", "ground_truth": ""}),
        lookalike.row("vstar", "good"),
    ]
    rows[2]["extra_info"]["answer"] = None
    register_rows("mine", lookalike.write(tmp_path / "mine.parquet", rows))
    assert [row["extra_info"]["index"] for row in load("mine")] == ["no_reference", "good"]
    assert "extra_info.index='no_prompt' data_source='vstar': no messages" in log()
    assert "extra_info.index='no_image' data_source='vstar': 1 <image> tag for 0 images" in log()
    counts = "1 no messages, 1 images and tags do not match"
    assert f"Of 4 rows: 2 dropped ({counts}), 1 without a reference answer" in log()


def test_columns_that_are_missing_or_json_text(tmp_path: Path) -> None:
    row = lookalike.row("vstar", 7)
    row["extra_info"] = json.dumps(row["extra_info"])
    del row["env_name"], row["ability"]
    register_rows("mine", lookalike.write(tmp_path / "mine.parquet", [row]))
    (loaded,) = load("mine")
    assert loaded["extra_info"]["index"] == "7"
    assert (loaded["env_name"], loaded["ability"]) == (None, "")


def test_what_a_file_does_not_say_of_tools_is_left_to_the_prompt(tmp_path: Path) -> None:
    """ "" means that there is no tool; of that, a missing column says nothing."""

    def file(name: str, values: list[str | None] | None, source: str = "vstar") -> str:
        rows = [lookalike.row(source, f"{name}-{i}") for i in range(3)]
        for row, value in zip(rows, values or [None] * 3, strict=True):
            row["env_name"] = value
            if values is None:
                del row["env_name"]
        register_rows(name, lookalike.write(tmp_path / f"{name}.parquet", rows))
        return name

    tool = "visual_toolbox_v2"
    names = [
        file("without", None),
        file("nulls", [None] * 3),
        file("some", [tool, None, ""]),
        file("nulls_no_tool", [None] * 3, "thinklite_eureka"),
    ]
    expected = [None] * 6 + [tool, "", ""] + [""] * 3
    assert [row["env_name"] for row in load(*names)] == expected
    assert [row["env_name"] for row in load(*names[2:], *names[:2])] == expected[6:] + expected[:6]
    assert [row["env_name"] for row in load(names[0])] == [None] * 3
    assert [row["env_name"] for row in load(*names, num_proc=2)] == expected
    assert [row["env_name"] for row in load(*names, streaming=True)] == expected


def test_a_user_sees_the_line_in_the_console(tmp_path: Path) -> None:
    rows = [lookalike.row("chart", f"row-{i}", image=b"junk" if i else None) for i in range(2)]
    path = lookalike.write(tmp_path / "mine.parquet", rows)
    program = "\n".join(
        (
            "from swift.dataset import load_dataset",
            "from swift_deepeyes.ms_swift.rows import register_rows",
            f"register_rows('mine', {str(path)!r})",
            "print(len(load_dataset('mine')[0]), 'rows')",
        )
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=swift_environment(),
        check=True,
    )
    assert "1 rows" in run.stdout
    assert "Row dropped: extra_info.index='row-1' data_source='chart': unreadable" in run.stderr
    assert "Of 2 rows: 1 dropped" in run.stderr


UNANNOUNCED = [{"role": "user", "content": "<image>What is it?"}]


def test_a_misspelt_toolbox_without_a_tool_in_the_prompt_stops_the_run(tmp_path: Path) -> None:
    rows = [
        lookalike.row("vstar", n, env_name="visual_tolbox_v2", prompt=UNANNOUNCED) for n in "ab"
    ]
    register_rows("mine", lookalike.write(tmp_path / "mine.parquet", rows))
    with pytest.raises(NoRowsLeftError, match="did you mean 'visual_toolbox_v2'") as caught:
        load("mine")
    text = str(caught.value)
    assert "Of its first 2 rows were dropped: 2 an env_name that names no toolbox" in text
    assert "extra_info.index='a'" in text and "leave it empty where a row has no tool" in text


def test_an_unknown_toolbox_whose_prompt_announces_ours_is_counted(
    tmp_path: Path, log: Callable[[], str]
) -> None:
    rows = [lookalike.row("vstar", str(n), env_name="visual_toolbox_v5") for n in range(2)]
    register_rows("mine", lookalike.write(tmp_path / "mine.parquet", rows))
    assert len(load("mine")) == 2
    assert "Of 2 rows: 2 with an env_name that names no toolbox" in log()


def test_tools_that_the_prompt_does_not_announce_are_counted(
    tmp_path: Path, log: Callable[[], str]
) -> None:
    tools = json.dumps([{"type": "function", "function": {"name": "image_zoom_in_tool"}}])
    rows = [
        lookalike.row("vstar", "silent", prompt=UNANNOUNCED, tools=""),
        lookalike.row("vstar", "column", prompt=UNANNOUNCED, tools=tools),
        lookalike.row("vstar", "prompt", tools=""),
        lookalike.row("thinklite_eureka", "none", tools=""),
    ]
    register_rows("mine", lookalike.write(tmp_path / "mine.parquet", rows))
    assert len(load("mine")) == 4
    assert "Of 4 rows: 1 with a toolbox that the prompt does not announce" in log()

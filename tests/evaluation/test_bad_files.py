"""Files that are not as published: read where they can be, else one error with file, row, field."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from swift_deepeyes.evaluation.benchmarks import load_questions
from swift_deepeyes.evaluation.folder import EvaluationFolder
from swift_deepeyes.evaluation.question import BenchmarkError, Question
from tests.evaluation.files import (
    encode,
    hrbench_rows,
    make_pope,
    make_vstar,
    scene,
    training_row,
    write_parquet,
)
from tests.evaluation.policy_server import PolicyServer, say_a
from tests.evaluation.running import Evaluate

Rows = list[dict[str, Any]]
Write = Callable[[Path, Rows], Path]


def load(name: str, path: Path, images: Path | None = None) -> list[Question]:
    with EvaluationFolder(path.parent / "out") as folder:
        return load_questions(name, path, images, folder.store)


def vstar_row(**changes: Any) -> dict[str, Any]:
    row = {
        "image": "sa_1.png",
        "text": "What is the cup made of?\n(A) glass\n(B) tin\nAnswer with the letter.",
        "category": "direct_attributes",
        "label": "B",
        "question_id": 7,
    }
    return {**row, **changes}


def pope_row(**changes: Any) -> dict[str, Any]:
    row = {"question_id": 1, "image": "sa_1.png", "text": "Is there a dog?", "label": "no"}
    return {**row, **changes}


def mme_row(**changes: Any) -> dict[str, Any]:
    row = {
        "Question_id": "perception/1",
        "Image": "sa_1.png",
        "Text": "Where is the car?",
        "Answer choices": ["(A) Left", "(B) Right"],
        "Ground truth": "B",
        "Subtask": "Driving",
        "Task": "Perception",
    }
    return {**row, **changes}


def as_lines(path: Path, rows: Rows) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


def as_array(path: Path, rows: Rows) -> Path:
    path.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    return path


def with_mark(path: Path, rows: Rows) -> Path:
    as_lines(path, rows)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    return path


def folder_with_image(tmp_path: Path) -> Path:
    scene(0)[0].save(tmp_path / "sa_1.png")
    return tmp_path


LAYOUTS: list[tuple[str, Callable[..., dict[str, Any]]]] = [
    ("vstar", vstar_row),
    ("pope", pope_row),
    ("mme-realworld-lite", mme_row),
]


@pytest.mark.parametrize("write", [as_lines, as_array, with_mark])
@pytest.mark.parametrize(("name", "row"), LAYOUTS)
def test_lines_arrays_and_marks_are_read(
    name: str, row: Callable[..., dict[str, Any]], write: Write, tmp_path: Path
) -> None:
    file = write(folder_with_image(tmp_path) / "questions.json", [row()])
    (question,) = load(name, file)
    assert question.reference in {"tin", "no", "Right"}


def test_a_separator_of_lines_inside_a_text_is_no_new_row(tmp_path: Path) -> None:
    row = pope_row(text="Is there\u2028a dog\u0085 here?")
    file = folder_with_image(tmp_path) / "coco_pope_random.json"
    file.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    assert len(load("pope", file)) == 1


def test_vstar_as_parquet(tmp_path: Path) -> None:
    image = {"bytes": encode(scene(0)[0]), "path": "sa_1.jpg"}
    file = write_parquet(tmp_path / "test.parquet", [vstar_row(image=image)])
    for path in (file, tmp_path):
        (question,) = load("vstar", path)
        assert question.images[0].read_bytes() == image["bytes"]
        assert question.id == "direct_attributes/7"


def test_hrbench_with_a_mark_and_whole_numbers_as_floats(tmp_path: Path) -> None:
    file = tmp_path / "hr_bench_4k.tsv"
    rows = [{**row, "index": float(row["index"])} for row in hrbench_rows(2)]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, rows[0], delimiter="\t")
    writer.writeheader()
    writer.writerows(rows)
    file.write_bytes(b"\xef\xbb\xbf" + buffer.getvalue().encode())
    assert len(load("hrbench-4k", file)) == 2
    parquet = write_parquet(tmp_path / "hr_bench_4k.parquet", rows)
    assert [question.id for question in load("hrbench-4k", parquet)] == ["0", "4"]


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


BROKEN_ROWS = [
    ("pope", without(pope_row(), "label"), "label"),
    ("pope", pope_row(label=None), "label"),
    ("pope", pope_row(label="maybe"), "label"),
    ("pope", pope_row(label=True), "label"),
    ("pope", pope_row(text=float("nan")), "text"),
    ("pope", pope_row(image=7), "image"),
    ("pope", pope_row(image="https://x.example/1.png"), "image"),
    ("pope", pope_row(image="aGVsbG8="), "image"),
    ("pope", without(pope_row(), "question_id"), "question_id"),
    ("vstar", without(vstar_row(), "label"), "label"),
    ("vstar", vstar_row(label="E"), "label"),
    ("vstar", vstar_row(label=""), "label"),
    ("vstar", vstar_row(label="AB"), "label"),
    ("vstar", vstar_row(text="no options"), "text"),
    ("vstar", vstar_row(text=["a"]), "text"),
    ("vstar", without(vstar_row(), "category"), "category"),
    ("vstar", vstar_row(image=None), "image"),
    ("mme-realworld-lite", without(mme_row(), "Ground truth"), "Ground truth"),
    ("mme-realworld-lite", mme_row(**{"Ground truth": "C"}), "Ground truth"),
    ("mme-realworld-lite", mme_row(**{"Answer choices": "(A) x"}), "Answer choices"),
    ("mme-realworld-lite", mme_row(**{"Answer choices": ["x", 1]}), "Answer choices"),
    ("mme-realworld-lite", mme_row(Text={}), "Text"),
    ("mme-realworld-lite", mme_row(Image=[]), "Image"),
]


@pytest.mark.parametrize(("name", "row", "field"), BROKEN_ROWS)
def test_a_broken_row_is_named(name: str, row: dict[str, Any], field: str, tmp_path: Path) -> None:
    good = {n: make() for n, make in LAYOUTS}[name]
    file = as_lines(folder_with_image(tmp_path) / "questions.json", [good, row])
    with pytest.raises(BenchmarkError) as raised:
        load(name, file)
    told = str(raised.value)
    assert "questions.json, row 2: " in told
    assert f"'{field}'" in told
    assert "\n" not in told


def training(**changes: Any) -> dict[str, Any]:
    return training_row(0, "Is it red?", "yes", **changes)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (without(training(), "images"), "images"),
        (training(images=[]), "images"),
        (training(images=[{"bytes": b"junk", "path": None}]), "images"),
        (training(images=[{"bytes": None, "path": None}]), "images"),
        (training(images=[{"bytes": encode(scene(0)[0])[:20], "path": None}]), "images"),
        (without(training(), "prompt"), "prompt"),
        (training(prompt=[]), "prompt"),
        (training(prompt="Is it red?"), "prompt"),
        (training(prompt=[{"role": "user", "content": None}]), "prompt"),
        (training(prompt=[{"role": "system", "content": "x"}]), "prompt"),
        (training(prompt=[{"role": "user", "content": "<image><image>"}]), "prompt"),
        (training(reward_model={"style": "model", "ground_truth": None}), "reward_model"),
        (training(reward_model=None), "reward_model"),
    ],
)
def test_a_broken_training_row_is_named(row: dict[str, Any], field: str, tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "rows.parquet", [row])
    with pytest.raises(BenchmarkError, match=rf"rows\.parquet, row 1: .*'{field}'"):
        load("parquet", file)


def test_references_that_are_several(tmp_path: Path) -> None:
    row = training(reward_model={"ground_truth": "yes"}, images=["sa_1.png"])
    file = write_parquet(folder_with_image(tmp_path) / "rows.parquet", [row])
    (question,) = load("parquet", file)
    assert question.images == (tmp_path / "sa_1.png",)
    assert question.is_closed


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


@pytest.mark.parametrize(
    ("name", "file", "content", "told"),
    [
        ("pope", "a.json", b'{"question_id": 1,\n', "line 1 is not JSON"),
        ("pope", "a.json", b"[1, 2", "is not JSON"),
        ("pope", "a.json", b"[1, 2]", "row 1 is int"),
        ("pope", "a.json", b"3\n", "row 1 is int"),
        ("pope", "a.json", b"", "holds no question"),
        ("pope", "a.json", b"[]", "holds no question"),
        ("pope", "a.json", "é".encode("latin-1"), "not UTF-8"),
        ("pope", "a.json", b"[" * 100_000, "is not JSON"),
        ("pope", "a.json", POINTER, "git lfs pull"),
        ("vstar", "a.parquet", b"PAR1 junk", "no parquet file"),
        ("vstar", "a.parquet", POINTER, "git lfs pull"),
        ("vstar", "a.jsonl", b'{"data": []}\n', "no field 'category'"),
        ("hrbench-4k", "a.tsv", b"index,question\n1,x\n", "no field 'index'"),
        ("hrbench-4k", "a.tsv", b"index\tquestion\n1\n", "no field 'image'"),
        ("hrbench-4k", "a.tsv", b"\xff\xfe\x00", "no table"),
        ("hrbench-4k", "a.tsv", b"", "holds no question"),
        ("parquet", "a.parquet", b"", "no parquet file"),
        ("mme-realworld-lite", "a.json", b'{"rows": 1}', "no field"),
    ],
)
def test_a_broken_file_is_named(
    name: str, file: str, content: bytes, told: str, tmp_path: Path
) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(BenchmarkError, match=told) as raised:
        load(name, tmp_path / file)
    assert file in str(raised.value)


@pytest.mark.parametrize(
    "annotation", ["[]", "{", '{"question": "?"}', '{"question": 1.5, "options": ["a", "b"]}']
)
def test_a_broken_annotation_of_vstar_is_named(annotation: str, tmp_path: Path) -> None:
    data = make_vstar(tmp_path / "vstar", 3)
    (data / "direct_attributes").mkdir(exist_ok=True)
    (data / "relative_position" / "sa_1.json").write_text(annotation)
    with pytest.raises(BenchmarkError, match=r"relative_position/sa_1\.json"):
        load("vstar", data)


def test_too_few_options_and_ids_that_come_twice(tmp_path: Path) -> None:
    folder_with_image(tmp_path)
    one = mme_row(**{"Answer choices": ["(A) x"], "Ground truth": "A"})
    with pytest.raises(BenchmarkError, match="row 1: 1 options"):
        load("mme-realworld-lite", as_lines(tmp_path / "a.json", [one]))
    with pytest.raises(BenchmarkError, match="1 ids belong to several questions"):
        load("pope", as_lines(tmp_path / "a.json", [pope_row()] * 2))


def test_an_image_that_is_none_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "sa_1.png").write_bytes(POINTER)
    file = as_lines(tmp_path / "coco_pope_random.json", [pope_row()])
    with pytest.raises(BenchmarkError, match=r"cannot be opened, the first: .*sa_1\.png"):
        load("pope", file)


def test_an_image_that_ends_too_early_costs_its_own_question(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    data = make_pope(tmp_path / "pope", 3)
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    file = data / "val2014" / "COCO_val2014_000000000001.jpg"
    file.write_bytes(encode(Image.fromarray(noise))[:9000])
    with PolicyServer(say_a) as server:
        report = run_evaluation(server, data, tmp_path / "out", benchmark="pope")
    assert report.figures.modes[0].not_run == 6
    assert all(str(file) in reason for reason in report.not_run.values())


FIELDS = st.none() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.text())
FIELD_NAMES = {n: sorted(make()) for n, make in LAYOUTS}


@given(st.sampled_from(LAYOUTS), st.data())
@settings(max_examples=60, deadline=None)
def test_no_field_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, layout: Any, data: st.DataObject
) -> None:
    name, make = layout
    changed = data.draw(st.dictionaries(st.sampled_from(FIELD_NAMES[name]), FIELDS))
    file = as_lines(tmp_path_factory.mktemp("f") / "a.json", [make(**changed)])
    try:
        load(name, file)
    except BenchmarkError as error:
        assert len(str(error)) < 2000


def test_embedded_images_may_be_base64(tmp_path: Path) -> None:
    image = base64.b64encode(encode(scene(0)[0])).decode()
    rows = [pope_row(image=image), pope_row(image=f"data:image/png;base64,{image}", question_id=2)]
    first, second = load("pope", as_lines(tmp_path / "coco_pope_random.json", rows))
    assert first.images == second.images

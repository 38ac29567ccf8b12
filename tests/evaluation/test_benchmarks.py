"""The published formats, as small files of our own."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from swift_deepeyes.evaluation.benchmarks import load_questions
from swift_deepeyes.evaluation.folder import EvaluationFolder
from swift_deepeyes.evaluation.question import BenchmarkError, Question
from swift_deepeyes.scoring.scheme import ScoringScheme
from tests.evaluation.files import (
    encode,
    hrbench_rows,
    make_pope,
    make_vstar,
    options_with_first_right,
    scene,
    training_row,
    write_parquet,
)


def load(name: str, path: Path, images: Path | None = None) -> list[Question]:
    with EvaluationFolder(path.parent / "out") as folder:
        return load_questions(name, path, images, folder.store)


def test_vstar_folders(tmp_path: Path) -> None:
    questions = load("vstar", make_vstar(tmp_path / "v", 6, pairs=2))
    assert [question.category for question in questions].count("relative_position") == 2
    assert all(question.right == 0 for question in questions)
    one = next(question for question in questions if question.id == "direct_attributes/sa_3")
    assert one.options == ("yellow", "red", "green", "blue")
    assert one.reference == "yellow"
    assert one.images[0].name == "sa_3.jpg"


def test_vstar_question_file(tmp_path: Path) -> None:
    (tmp_path / "direct_attributes").mkdir()
    image, _ = scene(0)
    image.save(tmp_path / "direct_attributes" / "sa_1.jpg")
    line = {
        "image": "direct_attributes/sa_1.jpg",
        "text": "What is the material of the cup?\n(A) glass\n(B) tin\n(C) wood\n(D) paper\n"
        "Answer with the option's letter from the given choices directly.",
        "category": "direct_attributes",
        "label": "C",
        "question_id": 7,
    }
    (tmp_path / "test_questions.jsonl").write_text(json.dumps(line) + "\n")
    (question,) = load("vstar", tmp_path)
    assert question.text == "What is the material of the cup?"
    assert question.options == ("glass", "tin", "wood", "paper")
    assert (question.right, question.reference) == (2, "wood")


@pytest.mark.parametrize("suffix", [".tsv", ".parquet"])
def test_hrbench_rotations_are_one_question(tmp_path: Path, suffix: str) -> None:
    rows, file = hrbench_rows(3), tmp_path / f"hr_bench_8k{suffix}"
    if suffix == ".parquet":
        write_parquet(file, rows)
    else:
        with file.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0], delimiter="\t")
            writer.writeheader()
            writer.writerows(rows)
    questions = load("hrbench-8k", tmp_path)
    assert [question.id for question in questions] == ["0", "4", "8"]
    assert questions[1].options == tuple(options_with_first_right("green"))
    assert questions[1].reference == "green"
    assert questions[0].images[0].read_bytes() == encode(scene(0)[0])


def test_mme_realworld_lite(tmp_path: Path) -> None:
    image, _ = scene(0)
    (tmp_path / "data" / "imgs" / "sub").mkdir(parents=True)
    image.save(tmp_path / "data" / "imgs" / "sub" / "1.png")
    row = {
        "Question_id": "perception/x/1",
        "Image": "sub/1.png",
        "Text": "Where is the car?",
        "Question Type": "Multiple Choice",
        "Answer choices": ["(A) Left", "(B) Right", "(C) Above", "(D) Below", "(E) No car"],
        "Ground truth": "E",
        "Category": "position",
        "Subtask": "Autonomous_Driving",
        "Task": "Perception",
    }
    (tmp_path / "data" / "MME-RealWorld-Lite.json").write_text(json.dumps([row]))
    (question,) = load("mme-realworld-lite", tmp_path)
    assert question.options == ("Left", "Right", "Above", "Below", "No car")
    assert question.reference == "No car"
    assert question.category == "perception/autonomous driving"


def test_pope_lines_and_embedded_images(tmp_path: Path) -> None:
    lines = load("pope", make_pope(tmp_path / "pope"))
    assert len(lines) == 24
    assert lines[0].id == "random/1"
    assert {question.reference for question in lines} == {"yes", "no"}
    image = {"bytes": encode(scene(0)[0]), "path": "x.png"}
    row = {"question_id": "1", "question": "Is there a dog?", "answer": "no", "image": image}
    file = write_parquet(tmp_path / "pope.parquet", [{**row, "category": "adversarial"}])
    (question,) = load("pope", file)
    assert (question.id, question.reference) == ("adversarial/1", "no")


def test_training_rows(tmp_path: Path) -> None:
    rows = [
        training_row(0, "What is it?", "A red square."),
        training_row(1, "Which one?\nA. red\nB. blue", "B", data_source="chart"),
        training_row(2, "How many?", "3", data_source="thinklite_eureka", env_name=None),
    ]
    open_one, closed, maths = load("parquet", write_parquet(tmp_path / "rows.parquet", rows))
    assert (open_one.is_closed, closed.is_closed, maths.is_closed) == (False, True, False)
    assert maths.rule is ScoringScheme.MATH
    assert (open_one.toolbox, maths.toolbox) == ("visual_toolbox_v2", None)
    assert open_one.prompt[0].role == "system"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="nothing at"):
        load("vstar", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchmarkError, match="is not V"):
        load("vstar", tmp_path / "empty")
    pope = make_pope(tmp_path / "pope")
    with pytest.raises(BenchmarkError, match=r"missing, the first.*Say with --images"):
        load("pope", pope, tmp_path / "empty")

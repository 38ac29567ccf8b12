"""V* (craigwu/vstar_bench): 115 questions on attributes, 76 on positions.

Published in two forms, both in the dataset's own repository (described in penghao-wu/vstar and
its `vstar_bench_eval.py`), both read here:

- the folders `direct_attributes` and `relative_position`: an image and a JSON file of the same name
  with `question`, `options` (**the right one is always the first**) and `target_object`, `bbox`;
- `test_questions.jsonl`: one JSON a line with `image`, `text` (the question, one option a line as
  `(A) …`, then a sentence on the form of the answer), `category`, `label` and `question_id`.

Repackagings of the second form as parquet, with embedded images, are read too.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from swift_deepeyes.counted import counted
from swift_deepeyes.evaluation.benchmarks.registry import benchmark
from swift_deepeyes.evaluation.benchmarks.row import Row
from swift_deepeyes.evaluation.benchmarks.tables import read_object, read_rows
from swift_deepeyes.evaluation.question import (
    LETTERS,
    BenchmarkError,
    Question,
    Unpack,
    option_question,
)
from swift_deepeyes.evaluation.reporting.published import AVERAGE, BASE, DEEPEYES, QWEN, published

logger = logging.getLogger(__name__)

CATEGORIES = ("direct_attributes", "relative_position")
_OPTION = re.compile(r"^\(([A-J])\)\s*(.+?)\s*$")
_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".JPG", ".JPEG", ".PNG")
_ANNOTATION = "V*'s annotations hold 'question' and 'options' (craigwu/vstar_bench)."
_QUESTIONS = (
    "V*'s test_questions.jsonl holds 'image', 'text', 'category', 'label' and 'question_id' "
    "(craigwu/vstar_bench)."
)


_FIRST_IS_RIGHT = "paper; its code showed V*'s options unshuffled, the right one always A"
_SHUFFLED = "the released model with shuffled options, two runs (DeepEyes pull request #66)"
_UNSHUFFLED = "the same two runs without shuffling (DeepEyes pull request #66)"
_FIGURES = (
    published(DEEPEYES, "90.1", _FIRST_IS_RIGHT),
    published(DEEPEYES, "89.0, 91.6", _UNSHUFFLED),
    published(DEEPEYES, "84.3, 85.9", _SHUFFLED),
    published(QWEN, "71.2", BASE),
    published("Mini-o3-7B", "88.2", AVERAGE),
    published("Thyme-7B", "82.2"),
)


@benchmark("vstar", published=_FIGURES)
def load(path: Path, images: Path | None, unpack: Unpack) -> Iterator[Question]:
    """The questions of a folder (either form) or of a file of questions."""
    if path.is_file():
        yield from _questions(path, images or path.parent, unpack)
    elif any(file for category in CATEGORIES for file in (path / category).glob("*.json")):
        for category in CATEGORIES:
            for file in sorted((path / category).glob("*.json")):
                yield _annotation(file, category)
    else:
        for file in _files(path):
            yield from _questions(file, images or path, unpack)


def _files(folder: Path) -> list[Path]:
    lines = folder / "test_questions.jsonl"
    files = [lines] if lines.is_file() else sorted(folder.glob("*.parquet"))
    if not files:
        raise BenchmarkError(
            f"{folder} is not V*: there are neither JSON files in {' and '.join(CATEGORIES)} "
            "nor a test_questions.jsonl, nor a parquet file."
        )
    return files


def _annotation(file: Path, category: str) -> Question:
    row = read_object(file, _ANNOTATION)
    candidates = [file.with_suffix(suffix) for suffix in _IMAGE_SUFFIXES]
    image = next((path for path in candidates if path.is_file()), candidates[0])
    return option_question(
        id=f"{category}/{file.stem}",
        images=(image,),
        text=row.text("question"),
        options=row.texts("options"),
        right=0,
        category=category,
        where=row.where,
    )


def _questions(file: Path, images: Path, unpack: Unpack) -> Iterator[Question]:
    skipped = 0
    for row in read_rows(file, _QUESTIONS):
        if row.text("category") in CATEGORIES:
            yield _question(row, images, unpack)
        else:
            skipped += 1
    if skipped:
        kinds = " or ".join(CATEGORIES)
        left_out = counted(skipped, "row")
        logger.warning("%s: %s left out, whose category is not %s", file, left_out, kinds)


def _question(row: Row, images: Path, unpack: Unpack) -> Question:
    lines = row.text("text").splitlines()
    options = [match for match in map(_OPTION.match, lines) if match]
    letters = "".join(match[1] for match in options)
    if not options or letters != LETTERS[: len(letters)]:
        raise row.error(f"the field 'text' has no readable options (A), (B), … but {letters!r}")
    label = row.text("label")
    if len(label) != 1 or label not in letters:
        raise row.error(f"the field 'label' is {label!r}, none of the options {letters}")
    first = next(number for number, line in enumerate(lines) if _OPTION.match(line))
    return option_question(
        id=_id(row),
        images=(row.image("image", images, unpack),),
        text="\n".join(lines[:first]),
        options=[match[2] for match in options],
        right=letters.index(label),
        category=row.text("category"),
        where=row.where,
    )


def _id(row: Row) -> str:
    """The image's name, as in the folders; embedded images may have none."""
    image = row.fields["image"]
    if isinstance(image, str):
        return str(Path(row.text("image")).with_suffix(""))
    return f"{row.text('category')}/{row.text('question_id')}"

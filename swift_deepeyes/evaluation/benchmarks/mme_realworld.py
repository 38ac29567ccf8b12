"""MME-RealWorld-Lite (yifanzhang114/MME-RealWorld-Lite): 1,919 questions.

Published as `data.zip`: `data/MME-RealWorld-Lite.json` and the images under `data/imgs`. The JSON
is one list of objects with `Question_id`, `Image` (below `imgs`), `Text`, `Answer choices`
(`"(A) …"`), `Ground truth` (a letter), `Task`, `Subtask`, `Category` (shown in the authors'
`evaluation/output_test_template.json`, yfzhang114/MME-RealWorld). Spelling of tasks varies between
subsets ("Perception", "perception"): categories are in lower case here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from swift_deepeyes.evaluation.benchmarks.registry import benchmark
from swift_deepeyes.evaluation.benchmarks.row import Row
from swift_deepeyes.evaluation.benchmarks.tables import read_rows
from swift_deepeyes.evaluation.question import (
    LETTERS,
    Question,
    Unpack,
    existing,
    option_question,
)
from swift_deepeyes.evaluation.reporting.published import DEEPEYES, published

FILE = "MME-RealWorld-Lite.json"
_LETTER = re.compile(r"^\s*\(?([A-J])[).:]\s*")
_PUBLISHED = (
    "MME-RealWorld-Lite's rows hold 'Question_id', 'Image', 'Text', 'Answer choices', "
    "'Ground truth', 'Task' and 'Subtask' (yifanzhang114/MME-RealWorld-Lite)."
)


@benchmark("mme-realworld-lite", published=(published(DEEPEYES, "53.2"),))
def load(path: Path, images: Path | None, unpack: Unpack) -> Iterator[Question]:
    """The questions of the JSON file, or of the folder that holds it (also one level down)."""
    file = path if path.is_file() else path / FILE
    if not file.is_file():
        file = existing(path / "data" / FILE, "MME-RealWorld-Lite")
    folder = images or next(
        (folder for folder in (file.parent / "imgs", file.parent) if folder.is_dir()), file.parent
    )
    for row in read_rows(file, _PUBLISHED):
        yield _question(row, folder, unpack)


def _question(row: Row, folder: Path, unpack: Unpack) -> Question:
    choices = row.texts("Answer choices")
    letters = [_LETTER.match(choice) for choice in choices]
    named = "".join(match[1] for match in letters if match)
    if named != LETTERS[: len(letters)]:
        raise row.error(f"the field 'Answer choices' has the letters {named!r}, not (A), (B), …")
    truth = row.text("Ground truth")
    if len(truth) != 1 or truth not in named:
        raise row.error(f"the field 'Ground truth' is {truth!r}, none of the options {named}")
    return option_question(
        id=row.text("Question_id"),
        images=row.images("Image", folder, unpack),
        text=row.text("Text"),
        options=[_LETTER.sub("", choice) for choice in choices],
        right=named.index(truth),
        category=f"{row.text('Task')}/{row.text('Subtask')}".lower().replace("_", " "),
        where=row.where,
    )

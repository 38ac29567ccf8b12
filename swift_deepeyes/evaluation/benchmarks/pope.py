"""POPE (AoiDragon/POPE): is this object in the image? Three ways of choosing absent objects.

Published as `output/coco/coco_pope_{random,popular,adversarial}.json`: JSON lines, despite the
name, with `question_id`, `image` (a file of COCO's val2014), `text` and `label` (`yes`, `no`). The
repackaging with embedded images (lmms-lab/POPE, parquet: `question`, `answer`, `image`, `category`)
is read too, because COCO's images are 6 GB.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from swift_deepeyes.evaluation.benchmarks.registry import benchmark
from swift_deepeyes.evaluation.benchmarks.row import Row
from swift_deepeyes.evaluation.benchmarks.tables import read_rows
from swift_deepeyes.evaluation.question import BenchmarkError, Question, Unpack
from swift_deepeyes.evaluation.reporting.published import DEEPEYES, published

SPLITS = ("random", "popular", "adversarial")
_LABELS = frozenset({"yes", "no"})
_PUBLISHED = (
    "POPE's files hold 'question_id', 'image', 'text' and 'label' (AoiDragon/POPE), or "
    "'question_id', 'image', 'question', 'answer' and 'category' (lmms-lab/POPE)."
)


@benchmark("pope", published=(published(DEEPEYES, "87.7"),))
def load(path: Path, images: Path | None, unpack: Unpack) -> Iterator[Question]:
    """The questions of one file, or of all three in a folder (also in `output/coco`)."""
    for file in _files(path):
        folder = _image_folder(file.parent, images)
        split = next((split for split in SPLITS if split in file.name), file.stem)
        for row in read_rows(file, _PUBLISHED):
            yield _question(row, split, folder, unpack)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    for folder in (path, path / "output" / "coco", path / "coco", path / "data"):
        found = [folder / f"coco_pope_{split}.json" for split in SPLITS]
        files = [file for file in found if file.is_file()] or sorted(folder.glob("*.parquet"))
        if files:
            return files
    raise BenchmarkError(f"{path} holds neither coco_pope_<split>.json nor a parquet file.")


def _image_folder(folder: Path, images: Path | None) -> Path:
    if images is not None:
        return images
    return next((path for path in (folder / "val2014", folder) if path.is_dir()), folder)


def _question(row: Row, split: str, folder: Path, unpack: Unpack) -> Question:
    """Either form; the names of two fields tell which it is."""
    is_repackaged = "question" in row.fields
    text, label = ("question", "answer") if is_repackaged else ("text", "label")
    category = row.text("category") if is_repackaged else split
    reference = row.text(label).lower()
    if reference not in _LABELS:
        raise row.error(f"the field {label!r} is {reference!r}, neither yes nor no")
    return Question(
        id=f"{category}/{row.text('question_id')}",
        images=(row.image("image", folder, unpack),),
        text=row.text(text),
        reference=reference,
        category=category,
    )

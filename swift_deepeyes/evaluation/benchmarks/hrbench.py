"""HR-Bench (DreamMr/HR-Bench): 200 questions at 4K and at 8K.

Published as `hr_bench_4k.tsv`/`hr_bench_8k.tsv` and as parquet files of the same names, columns
`index`, `question`, `image` (base64), `answer` (a letter), `A` to `D`, `category` (`single`,
`cross`) and `cycle_category`. The 800 rows are the 200 questions, each once per rotation of its
options; the published figure is the mean over all of them (VLMEvalKit's `report_acc_hrbench`,
lmms-eval's `hrbench_aggregate_results`). Here the rotations of one question are one question again,
and the runner asks the rotations: the same rows, but it is known which belong together.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from swift_deepeyes.evaluation.benchmarks.registry import benchmark
from swift_deepeyes.evaluation.benchmarks.row import Row
from swift_deepeyes.evaluation.benchmarks.tables import read_rows
from swift_deepeyes.evaluation.question import Question, Unpack, existing, option_question
from swift_deepeyes.evaluation.reporting.published import AVERAGE, BASE, DEEPEYES, QWEN, published

_LETTERS = "ABCD"
_PUBLISHED = (
    "HR-Bench's files have the columns 'index', 'question', 'image', 'answer', 'A' to 'D' and "
    "'category' (DreamMr/HR-Bench)."
)


@benchmark(
    "hrbench-4k",
    is_rotated=True,
    published=(
        published(DEEPEYES, "75.1"),
        published(QWEN, "68.8", BASE),
        published("Mini-o3-7B", "77.5", AVERAGE),
        published("Thyme-7B", "77.0"),
    ),
)
def load_4k(path: Path, images: Path | None, unpack: Unpack) -> Iterator[Question]:
    """The questions at 4K."""
    return _load(path, images, unpack, "hr_bench_4k")


@benchmark(
    "hrbench-8k",
    is_rotated=True,
    published=(
        published(DEEPEYES, "72.6"),
        published(QWEN, "65.3", BASE),
        published("Mini-o3-7B", "73.3", AVERAGE),
        published("Thyme-7B", "72.0"),
    ),
)
def load_8k(path: Path, images: Path | None, unpack: Unpack) -> Iterator[Question]:
    """The questions at 8K."""
    return _load(path, images, unpack, "hr_bench_8k")


def _load(path: Path, images: Path | None, unpack: Unpack, name: str) -> Iterator[Question]:
    """The questions of a `.tsv` or `.parquet` file, or of a folder with `name`'s file."""
    file = path if path.is_file() else _find(path, name)
    unpacked: dict[str, Path] = {}
    known: set[tuple[str, Path, tuple[str, ...]]] = set()
    for row in read_rows(file, _PUBLISHED):
        index = row.text("index")
        image = unpacked[index] = _image(row, unpacked, images or file.parent, unpack)
        options = [row.text(letter) for letter in _LETTERS if row.has(letter)]
        identity = (row.text("question"), image, tuple(sorted(options)))
        if identity in known:
            continue
        known.add(identity)
        yield option_question(
            id=index,
            images=(image,),
            text=row.text("question"),
            options=options,
            right=_right(row, len(options)),
            category=row.text("category"),
            where=row.where,
        )


def _right(row: Row, options: int) -> int:
    answer = row.text("answer")
    letters = _LETTERS[:options]
    if len(answer) != 1 or answer not in letters:
        raise row.error(f"the field 'answer' is {answer!r}, none of the options {letters}")
    return letters.index(answer)


def _find(folder: Path, name: str) -> Path:
    for suffix in (".tsv", ".parquet"):
        if (folder / f"{name}{suffix}").is_file():
            return folder / f"{name}{suffix}"
    return existing(folder / f"{name}.tsv", "HR-Bench")


def _image(row: Row, unpacked: dict[str, Path], folder: Path, unpack: Unpack) -> Path:
    """In VLMEvalKit's TSVs a short field names the row whose image it is."""
    value = row.value("image")
    if isinstance(value, str | int) and str(value) in unpacked:
        return unpacked[str(value)]
    return row.image("image", folder, unpack)

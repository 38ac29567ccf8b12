"""What stands beside the prepared files: the report, and their registration with ms-swift.

`report.json` has numbers and names. `dataset_info.json` is for `--custom_dataset_info`: its names
are those of the published files, so that a training script only changes this one path.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from swift_deepeyes.counted import counted
from swift_deepeyes.dataset.columns import TO_MESSAGES
from swift_deepeyes.dataset.published import DATASET_INFO, DATASET_PREFIX, PUBLISHED
from swift_deepeyes.files import write_whole
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.preparation.choices import PromptColumn, RowIssue
from swift_deepeyes.preparation.facts import AnswerKind, MathFact
from swift_deepeyes.preparation.parts import Side
from swift_deepeyes.preparation.recipe import Recipe
from swift_deepeyes.tools.family_prompt import Rewriting

REPORT_NAME = "report.json"
_NOT_IN_A_NAME = re.compile(r"[^0-9A-Za-z_]+")


class Sizes(FrozenModel):
    """Image sizes in pixels; percentiles are of the area."""

    smallest_side: int
    longest_side: int
    median_pixels: int
    p95_pixels: int
    largest_pixels: int


class JpegReport(FrozenModel):
    """The images that were changed and stayed JPEGs.

    Their pixels against the lossless ones, in levels of 255: the mean over all images of an image's
    mean, and the largest difference of one pixel.
    """

    images: int
    mean_error: float
    largest_error: int


class ImageReport(FrozenModel):
    """The images of the rows that are kept; sizes are None where there are none."""

    images: int
    enlarged: int
    reduced: int
    jpegs: JpegReport | None = None
    before: Sizes | None
    after: Sizes | None


class MathReport(FrozenModel):
    """The references of rows under the math rules, by what scoring can do with them."""

    references: int
    unmatched: int  # our scoring does not accept the reference itself
    facts: dict[MathFact, int]
    examples: dict[MathFact, list[str]]


class DifferingRow(FrozenModel):
    """One of several rows that ask the same and expect different answers."""

    row: int
    index: str
    reference: str


class FileReport(FrozenModel):
    """One source file and what became of it."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    name: str
    source: str
    fingerprint: str
    recipe: Recipe
    rows_in: int
    rows_train: int
    rows_validation: int
    bytes_train: int
    bytes_validation: int
    dropped: dict[RowIssue, int]  # each row under its first reason
    # All that were found, in rows that are dropped or kept; in the file under the earlier name.
    issues: dict[RowIssue, int] = Field(alias="flaws")
    examples: dict[RowIssue, list[str]]
    contradictions: list[tuple[DifferingRow, ...]]
    duplicates: int
    data_sources: dict[str, int]
    kinds: dict[AnswerKind, int]
    math: MathReport | None
    images: ImageReport
    unknown_columns: tuple[str, ...]
    prompts: dict[Rewriting, int] = Field(
        default_factory=dict
    )  # written rows, with --prompt family

    @property
    def rows_out(self) -> int:
        """Rows in the prepared files."""
        return self.rows_train + self.rows_validation


class PreparationReport(FrozenModel):
    """All prepared files of a folder, by dataset name."""

    files: dict[str, FileReport] = Field(default_factory=dict)

    def with_file(self, file: FileReport) -> PreparationReport:
        """The report with one more file, or with its new section."""
        return PreparationReport(files=dict(sorted({**self.files, file.name: file}.items())))


def read_report(folder: Path) -> PreparationReport:
    """The report of an earlier run; an empty one where there is none that can be read."""
    try:
        return PreparationReport.model_validate_json((folder / REPORT_NAME).read_bytes())
    except (OSError, ValidationError):
        return PreparationReport()


def write_report(folder: Path, report: PreparationReport) -> None:
    """Replace the report of a folder."""
    write_whole(folder / REPORT_NAME, report.model_dump_json(indent=2) + "\n", durable=True)


def dataset_name(path: Path) -> str:
    """The dataset's name: the published one, or one made of the file's."""
    name = PUBLISHED.get(path.name) or _NOT_IN_A_NAME.sub("_", path.stem).strip("_").lower()
    return name if name.startswith(DATASET_PREFIX) else DATASET_PREFIX + name


def file_name(name: str, side: Side) -> str:
    """The prepared file of a dataset."""
    return f"{side_name(name, side)}.parquet"


def side_name(name: str, side: Side) -> str:
    """The dataset's name for this side of the split."""
    return name if side is Side.TRAIN else f"{name}_{side}"


def write_dataset_info(folder: Path, report: PreparationReport) -> None:
    """Register every prepared file of the report, under paths relative to the folder."""
    entries = [
        _entry(file, side, rows)
        for file in report.files.values()
        for side, rows in ((Side.TRAIN, file.rows_train), (Side.VALIDATION, file.rows_validation))
        if rows
    ]
    write_whole(folder / DATASET_INFO, json.dumps(entries, indent=4) + "\n", durable=True)


def _entry(file: FileReport, side: Side, rows: int) -> dict[str, Any]:
    return {
        "dataset_name": side_name(file.name, side),
        "dataset_path": file_name(file.name, side),
        "columns": TO_MESSAGES if file.recipe.prompt_column is PromptColumn.PROMPT else {},
        "tags": ["vision", "grpo", "deepeyes"],
        "help": f"{counted(rows, 'row')} ({side}), prepared from {file.source} "
        "by swift-deepeyes prepare.",
    }

"""What came of a preparation: numbers and names, as one JSON file beside the prepared files."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.preparation.atomic import write_text
from swift_deepeyes.preparation.contradictions import Sighting
from swift_deepeyes.preparation.issue import RowIssue
from swift_deepeyes.preparation.recipe import Recipe
from swift_deepeyes.preparation.references import AnswerKind, MathFact

REPORT_NAME = "report.json"


class Sizes(FrozenModel):
    """Image sizes in pixels; percentiles are of the area."""

    smallest_side: int
    longest_side: int
    median_pixels: int
    p95_pixels: int
    largest_pixels: int


class ImageReport(FrozenModel):
    """The images of the rows that are kept; sizes are None where there are none."""

    images: int
    enlarged: int
    reduced: int
    before: Sizes | None
    after: Sizes | None


class MathReport(FrozenModel):
    """The references of rows under the math rules, by what scoring can do with them."""

    references: int
    unmatched: int  # our scoring does not accept the reference itself
    facts: dict[MathFact, int]
    examples: dict[MathFact, list[str]]


class FileReport(FrozenModel):
    """One source file and what became of it."""

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
    flaws: dict[RowIssue, int]  # all that were found, in rows that are dropped or kept
    examples: dict[RowIssue, list[str]]
    contradictions: list[tuple[Sighting, ...]]
    duplicates: int
    data_sources: dict[str, int]
    kinds: dict[AnswerKind, int]
    math: MathReport | None
    images: ImageReport
    unknown_columns: tuple[str, ...]

    @property
    def rows_out(self) -> int:
        """Rows in the prepared files."""
        return self.rows_train + self.rows_validation


class Report(FrozenModel):
    """All prepared files of a folder, by dataset name."""

    files: dict[str, FileReport] = Field(default_factory=dict)

    def with_file(self, file: FileReport) -> Report:
        """The report with one more file, or with its new section."""
        return Report(files=dict(sorted({**self.files, file.name: file}.items())))


def read_report(folder: Path) -> Report:
    """The report of an earlier run; an empty one where there is none that can be read."""
    try:
        return Report.model_validate_json((folder / REPORT_NAME).read_bytes())
    except (OSError, ValidationError):
        return Report()


def write_report(folder: Path, report: Report) -> None:
    """Replace the report of a folder."""
    write_text(folder / REPORT_NAME, report.model_dump_json(indent=2) + "\n")

"""What is remembered of each row: enough to report on it and to split, without its images."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.judge.rules.text import normalise
from swift_deepeyes.preparation.images import DIGEST_BYTES, PreparedImage
from swift_deepeyes.preparation.issue import RowIssue
from swift_deepeyes.preparation.normalised import NormalisedRow
from swift_deepeyes.preparation.references import is_outside_options, is_unmatched
from swift_deepeyes.scoring.scheme import ScoringScheme

PixelSize = tuple[int, int]


class RowFacts(FrozenModel):
    """One row of the source file. `number` counts from 0; digests are hexadecimal."""

    number: int
    index: str
    source: str
    rule: ScoringScheme
    flaws: dict[RowIssue, str]
    is_written: bool  # it is in the part; a later stage may still leave it out
    split_key: str  # the first image's digest, so that an image never stands on both sides
    question_key: str  # images and question: the same for contradictory rows
    reference: str
    before: list[PixelSize]
    after: list[PixelSize]

    @property
    def name(self) -> str:
        """How a row is named in reports."""
        return f"row {self.number} (index {self.index or '?'})"


def facts_of(
    number: int, row: NormalisedRow, pictures: Sequence[PreparedImage], dropped: frozenset[RowIssue]
) -> RowFacts:
    """The facts of one row, its images treated."""
    flaws = {**row.flaws, **_image_flaws(pictures), **_reference_flaws(row)}
    images = b"".join(picture.digest for picture in pictures)
    question = normalise(row.scored.question).encode("utf-8", "replace")
    split = pictures[0].digest if pictures and pictures[0].digest else _digest(question)
    return RowFacts(
        number=number,
        index=str(row.columns["extra_info"]["index"]),
        source=row.data_source,
        rule=row.scored.rule,
        flaws=flaws,
        is_written=not dropped.intersection(flaws),
        split_key=split.hex(),
        question_key=_digest(images + b"\0" + question).hex(),
        reference=row.scored.reference,
        before=[picture.before for picture in pictures if picture.before],
        after=[picture.after for picture in pictures if picture.after],
    )


def _image_flaws(pictures: Sequence[PreparedImage]) -> dict[RowIssue, str]:
    return {picture.flaw: picture.reason for picture in pictures if picture.flaw is not None}


def _reference_flaws(row: NormalisedRow) -> dict[RowIssue, str]:
    flaws: dict[RowIssue, str] = {}
    scored = row.scored
    if scored.reference and is_outside_options(scored.question, scored.reference):
        flaws[RowIssue.NOT_AN_OPTION] = scored.reference
    if is_unmatched(scored):
        flaws[RowIssue.UNMATCHED_REFERENCE] = scored.reference
    return flaws


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=DIGEST_BYTES).digest()

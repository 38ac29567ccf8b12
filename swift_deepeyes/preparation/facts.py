r"""What is remembered of each row: enough to report on it and to split, without its images.

Two facts of the published data are looked for: references that are cut by the official `\boxed{}`
regex (field notes: 174 of 11,031), and references in words, which no math checker compares (5,501).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from pydantic import ConfigDict, Field

from swift_deepeyes.dataset.columns import EXTRA_INFO
from swift_deepeyes.dataset.images import ImageFault
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.judge.rules import decide, letters
from swift_deepeyes.judge.rules.expected import tokens
from swift_deepeyes.judge.rules.maths import equal
from swift_deepeyes.judge.rules.numbers import read_quantity
from swift_deepeyes.judge.rules.text import normalise
from swift_deepeyes.preparation.choices import RowIssue
from swift_deepeyes.preparation.images import JpegError, PreparedImage, digest_of
from swift_deepeyes.preparation.normalised import Issues, NormalisedRow
from swift_deepeyes.scoring.official import extract_officially
from swift_deepeyes.scoring.row import ScoredRow
from swift_deepeyes.scoring.scheme import ScoringScheme
from swift_deepeyes.scoring.strict import extract_strictly
from swift_deepeyes.scoring.transcript import Exchange, Transcript
from swift_deepeyes.scoring.verdict import JudgeQuestion, Outcome, QuestionKind
from swift_deepeyes.tools.family_prompt import Rewriting

PixelSize = tuple[int, int]

FEW_WORDS = 3
# A LaTeX command, or a letter beside an operator: "\frac{1}{2}", "2x+1", "x^2", "AB = 5".
_FORMULA = re.compile(r"\\[A-Za-z]+|[A-Za-z0-9)}]\s*[=^+*/<>]\s*[-A-Za-z0-9({\\]|\d[a-z]\b|√|π")
_WORD = re.compile(r"[^\W\d_]{2,}")
_ISSUES = {
    ImageFault.MISSING: RowIssue.MISSING_IMAGE,
    ImageFault.UNREADABLE: RowIssue.BROKEN_IMAGE,
    ImageFault.THIN: RowIssue.THIN_IMAGE,
}


class AnswerKind(StrEnum):
    """What kind of answer a reference is."""

    NONE = "none"
    LETTER = "letter"
    YES_NO = "yes_no"
    NUMBER = "number"
    FORMULA = "formula"
    FEW_WORDS = "few_words"
    SENTENCE = "sentence"


class MathFact(StrEnum):
    """What the math scoring can do with a reference."""

    WORDS = "words"  # no math checker compares it: string equality, or a judge model
    CUT_BY_OFFICIAL_REGEX = "cut_by_official_regex"
    NOT_COMPARABLE = "not_comparable"  # no words, and math-verify cannot compare it either


class RowFacts(FrozenModel):
    """One row of the source file. `number` counts from 0; digests are hexadecimal."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    number: int
    index: str
    source: str
    rule: ScoringScheme
    issues: Issues = Field(alias="flaws")  # in files the earlier name
    is_written: bool  # it is in the part; a later stage may still leave it out
    split_key: str  # the first image's digest, so that an image never stands on both sides
    question_key: str  # images and question: the same for contradictory rows
    reference: str
    before: list[PixelSize]
    after: list[PixelSize]
    jpeg_errors: tuple[JpegError, ...] = ()  # of the images that were changed and stayed JPEGs
    rewriting: Rewriting | None = None  # of its prompt, where the family's was asked for

    @property
    def name(self) -> str:
        """How a row is named in reports."""
        return f"row {self.number} (index {self.index or '?'})"


def facts_of(
    number: int, row: NormalisedRow, images: Sequence[PreparedImage], dropped: frozenset[RowIssue]
) -> RowFacts:
    """The facts of one row, its images treated."""
    broken = {_ISSUES[image.fault]: image.reason for image in images if image.fault is not None}
    issues = {**row.issues, **broken, **_reference_issues(row.scored)}
    digests = b"".join(image.digest for image in images)
    question = normalise(row.scored.question).encode("utf-8", "replace")
    split = images[0].digest if images and images[0].digest else digest_of(question)
    return RowFacts(
        number=number,
        index=str(row.columns[EXTRA_INFO]["index"]),
        source=row.data_source,
        rule=row.scored.scheme,
        issues=issues,
        is_written=not dropped.intersection(issues),
        split_key=split.hex(),
        question_key=digest_of(digests + b"\0" + question).hex(),
        reference=row.scored.reference,
        before=[image.before for image in images if image.before],
        after=[image.after for image in images if image.after],
        jpeg_errors=tuple(image.jpeg_error for image in images if image.jpeg_error),
        rewriting=row.rewriting,
    )


def _reference_issues(scored: ScoredRow) -> Issues:
    is_foreign = scored.reference and is_outside_options(scored.question, scored.reference)
    found = {
        RowIssue.NOT_AN_OPTION: is_foreign,
        RowIssue.UNMATCHED_REFERENCE: is_unmatched(scored),
    }
    return {issue: scored.reference for issue, is_so in found.items() if is_so}


def kind_of(reference: str) -> AnswerKind:
    """The kind, by form alone."""
    text = normalise(reference)
    if not text:
        return AnswerKind.NONE
    if letters.bare_letter(reference):
        return AnswerKind.LETTER
    if text in ("yes", "no"):
        return AnswerKind.YES_NO
    if read_quantity(reference) is not None:
        return AnswerKind.NUMBER
    if _FORMULA.search(text) or not _WORD.search(text):
        return AnswerKind.FORMULA
    return AnswerKind.FEW_WORDS if len(tokens(text)) <= FEW_WORDS else AnswerKind.SENTENCE


def is_outside_options(question: str, reference: str) -> bool:
    """Whether the question offers options and the reference is none of them."""
    options = letters.read_options(question)
    if not options:
        return False
    letter = letters.bare_letter(reference)
    if letter is not None:
        return letter not in options
    return letters.chosen_letter(reference, options) not in options


def is_unmatched(row: ScoredRow) -> bool:
    """Whether a math row's reference, answered to the letter, is not counted as right."""
    if row.scheme is not ScoringScheme.MATH or not row.reference:
        return False
    extraction = extract_strictly(_answer_with(row.reference), ScoringScheme.MATH, row.reference)
    if not extraction.is_judged or extraction.answer is None:
        return True
    question = JudgeQuestion(
        kind=QuestionKind.MATH,
        question=row.question,
        reference=row.reference,
        answer=extraction.answer,
    )
    return decide(question) is not Outcome.RIGHT


def math_facts(reference: str) -> frozenset[MathFact]:
    """What is worth knowing about the reference of a math row. May wait for the math worker."""
    facts = set()
    official = extract_officially(_answer_with(reference), ScoringScheme.MATH).answer
    if official is None or official.strip() != reference.strip():
        facts.add(MathFact.CUT_BY_OFFICIAL_REGEX)
    if kind_of(reference) in (AnswerKind.LETTER, AnswerKind.NUMBER):
        return frozenset(facts)
    if not equal(reference, reference):
        is_formula = kind_of(reference) is AnswerKind.FORMULA
        facts.add(MathFact.NOT_COMPARABLE if is_formula else MathFact.WORDS)
    return frozenset(facts)


def _answer_with(reference: str) -> Transcript:
    """A model's turn that answers with exactly this reference."""
    turn = f"<think></think>\n\\boxed{{{reference}}}"
    return Transcript(exchanges=(Exchange(text=turn),), crops=0, is_truncated=False)

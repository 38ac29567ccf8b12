"""From the facts of all rows to the figures of a file's report."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable
from statistics import fmean

from swift_deepeyes.judge.rules import letters
from swift_deepeyes.judge.rules.text import normalise
from swift_deepeyes.preparation.choices import RowIssue
from swift_deepeyes.preparation.facts import (
    AnswerKind,
    MathFact,
    PixelSize,
    RowFacts,
    kind_of,
    math_facts,
)
from swift_deepeyes.preparation.images import JpegError
from swift_deepeyes.preparation.report import (
    DifferingRow,
    ImageReport,
    JpegReport,
    MathReport,
    Sizes,
)
from swift_deepeyes.scoring.scheme import ScoringScheme
from swift_deepeyes.tools.family_prompt import Rewriting

MAX_EXAMPLES = 20
EXAMPLE_CHARACTERS = 120
REFERENCE_CHARACTERS = 200


class SizeTally:
    """Collects sizes; eight bytes per image and number."""

    def __init__(self) -> None:
        self._pixels = array("q")
        self._smallest = 0
        self._longest = 0

    def add(self, size: PixelSize) -> None:
        """One image."""
        self._smallest = min(self._smallest or min(size), *size)
        self._longest = max(self._longest, *size)
        self._pixels.append(size[0] * size[1])

    def sizes(self) -> Sizes | None:
        """The figures; None of no image."""
        if not self._pixels:
            return None
        ordered = sorted(self._pixels)
        return Sizes(
            smallest_side=self._smallest,
            longest_side=self._longest,
            median_pixels=ordered[len(ordered) // 2],
            p95_pixels=ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)],
            largest_pixels=ordered[-1],
        )


class Contradictions:
    """Rows that ask the same about the same images, and expect different answers.

    Found in one pass; what is kept of a row is a key and a short text.
    """

    def __init__(self) -> None:
        self._seen: dict[str, list[DifferingRow]] = {}
        self._differing: set[str] = set()
        self.duplicates = 0

    def add(self, facts: RowFacts) -> None:
        """Look at one row; rows that are dropped or have no reference contradict nothing."""
        if not facts.is_written or not facts.reference:
            return
        row = DifferingRow(
            row=facts.number, index=facts.index, reference=facts.reference[:REFERENCE_CHARACTERS]
        )
        group = self._seen.setdefault(facts.question_key, [])
        if _meaning(row.reference) in {_meaning(other.reference) for other in group}:
            self.duplicates += 1
        elif group:
            self._differing.add(facts.question_key)
        group.append(row)

    def groups(self) -> list[tuple[DifferingRow, ...]]:
        """The contradictory groups, in the order of their first rows."""
        return [tuple(group) for key, group in self._seen.items() if key in self._differing]


def _meaning(reference: str) -> str:
    """Equal for references that are the same answer: "A", "(a)", "A."."""
    return letters.bare_letter(reference) or normalise(reference)


class FileCounts:
    """The figures of one file, row by row."""

    def __init__(self, dropped: frozenset[RowIssue]) -> None:
        self._dropped = dropped
        self.rows = 0
        self.dropped: Counter[RowIssue] = Counter()
        self.issues: Counter[RowIssue] = Counter()
        self.examples: dict[RowIssue, list[str]] = defaultdict(list)
        self.data_sources: Counter[str] = Counter()
        self.references: Counter[str] = Counter()
        self.math_references: Counter[str] = Counter()
        self.prompts: Counter[Rewriting] = Counter()
        self.contradictions = Contradictions()
        self._before, self._after = SizeTally(), SizeTally()
        self._images = self._enlarged = self._reduced = 0
        self._jpeg_errors: list[JpegError] = []

    def add(self, facts: RowFacts) -> None:
        """One row."""
        self.rows += 1
        self.data_sources[facts.source] += 1
        self.issues.update(facts.issues.keys())
        for issue, reason in facts.issues.items():
            if len(self.examples[issue]) < MAX_EXAMPLES:
                text = f"{facts.name}: {reason}" if reason else facts.name
                self.examples[issue].append(text[:EXAMPLE_CHARACTERS])
        if not facts.is_written:
            first = next(i for i in RowIssue if i in facts.issues and i in self._dropped)
            self.dropped[first] += 1
            return
        self.references[facts.reference] += 1
        if facts.rewriting is not None:
            self.prompts[facts.rewriting] += 1
        if facts.rule is ScoringScheme.MATH and facts.reference:
            self.math_references[facts.reference] += 1
        self.contradictions.add(facts)
        self._add_images(facts)

    def add_excluded(self, rows: int, source: str) -> None:
        """Rows that nobody reads, because every one of them is a chart's."""
        self.rows += rows
        self.data_sources[source] += rows
        self.issues[RowIssue.EXCLUDED_CHART] += rows
        self.dropped[RowIssue.EXCLUDED_CHART] += rows

    def _add_images(self, facts: RowFacts) -> None:
        for before, after in zip(facts.before, facts.after, strict=True):
            self._images += 1
            self._before.add(before)
            self._after.add(after)
            self._enlarged += after[0] * after[1] > before[0] * before[1]
            self._reduced += after[0] * after[1] < before[0] * before[1]
        self._jpeg_errors += facts.jpeg_errors

    def left_out_later(self) -> frozenset[int]:
        """Settle the contradictions, all rows being known; the numbers of rows that they cost."""
        groups = self.contradictions.groups()
        rows = frozenset(row.row for group in groups for row in group)
        if rows:
            self.issues[RowIssue.CONTRADICTORY] += len(rows)
        if not rows or RowIssue.CONTRADICTORY not in self._dropped:
            return frozenset()
        self.dropped[RowIssue.CONTRADICTORY] += len(rows)
        return rows

    def image_report(self) -> ImageReport:
        """The figures of the images."""
        return ImageReport(
            images=self._images,
            enlarged=self._enlarged,
            reduced=self._reduced,
            jpegs=self._jpeg_report(),
            before=self._before.sizes(),
            after=self._after.sizes(),
        )

    def _jpeg_report(self) -> JpegReport | None:
        errors = self._jpeg_errors
        if not errors:
            return None
        return JpegReport(
            images=len(errors),
            mean_error=round(fmean(error.mean for error in errors), 3),
            largest_error=max(error.largest for error in errors),
        )

    def kinds(self) -> Counter[AnswerKind]:
        """References by kind."""
        kinds: Counter[AnswerKind] = Counter()
        for reference, rows in self.references.items():
            kinds[kind_of(reference)] += rows
        return kinds

    def math_report(self, on_reference: Callable[[int], None]) -> MathReport | None:
        """What the math scoring can do with the references; None where no row is under its rules.

        Every distinct reference costs a call of math-verify.
        """
        if not self.math_references:
            return None
        counts: Counter[MathFact] = Counter()
        examples: dict[MathFact, list[str]] = defaultdict(list)
        for reference, rows in self.math_references.items():
            for fact in sorted(math_facts(reference)):
                counts[fact] += rows
                if len(examples[fact]) < MAX_EXAMPLES:
                    examples[fact].append(reference[:EXAMPLE_CHARACTERS])
            on_reference(1)
        return MathReport(
            references=self.math_references.total(),
            unmatched=self.issues[RowIssue.UNMATCHED_REFERENCE],
            facts=dict(sorted(counts.items())),
            examples=dict(sorted(examples.items())),
        )

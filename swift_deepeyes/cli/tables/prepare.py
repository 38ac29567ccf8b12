"""The report as tables for a terminal. Nothing is printed here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from swift_deepeyes.counted import counted, which
from swift_deepeyes.preparation.choices import MEANING, ChartPolicy, RowIssue
from swift_deepeyes.preparation.facts import MathFact
from swift_deepeyes.preparation.recipe import CHART_SOURCE
from swift_deepeyes.preparation.report import FileReport, PreparationReport, Sizes

SHOWN_CONTRADICTIONS = 5
BYTES_PER_PIXEL = 3  # decoded RGB
OFFICIAL_NODE_MEMORY_GB = 1200

MATH_MEANING = {
    MathFact.WORDS: "in words: right only if it is the same text, or by a judge model",
    MathFact.CUT_BY_OFFICIAL_REGEX: "cut by the official regex at the first closing brace",
    MathFact.NOT_COMPARABLE: "a formula that math-verify cannot compare with itself",
}


def render(report: PreparationReport) -> Iterator[RenderableType]:
    """The report, block by block."""
    if not report.files:
        return
    yield _files_table(report)
    for file in report.files.values():
        if file.issues:
            yield _issue_table(file)
        yield from map(Text, _lines(file))
    advice = memory_advice(report)
    if advice:
        yield Text(advice)


def memory_advice(report: PreparationReport) -> str | None:
    """What the chart images cost in memory; None where there are none."""
    charts = [file for file in report.files.values() if CHART_SOURCE in file.data_sources]
    sizes = [file.images.after for file in charts if file.images.after]
    if not sizes:
        return None
    largest = max(size.largest_pixels for size in sizes)
    policy = charts[0].recipe.chart
    first = (
        "kept as published"
        if policy is ChartPolicy.KEEP
        else "reduced to the limits; crops stay large all the same"
    )
    return (
        f"Memory: the chart images are {first}. The largest is {largest / 1e6:.1f} million pixels, "
        f"{largest * BYTES_PER_PIXEL / 2**20:.0f} MiB decoded, held once per trajectory in flight. "
        f"The method's authors advise {OFFICIAL_NODE_MEMORY_GB} GB of main memory per node; on a "
        "single node set MAX_PIXELS on both sides, or leave the charts out with --chart exclude."
    )


def nothing_left(files: Sequence[FileReport]) -> str:
    """What dropped all rows of files of which nothing is left."""
    dropped: Counter[RowIssue] = Counter()
    for file in files:
        dropped.update(file.dropped)
    counts = ", ".join(f"{rows:,} {issue}" for issue, rows in dropped.most_common())
    names = ", ".join(file.source for file in files)
    return (
        f"nothing is left of {names}: {counts or 'no rows'}. The table says what that means; "
        "--keep keeps rows with an issue, and paths of images count from the working directory, "
        "then from ROOT_IMAGE_DIR"
    )


def _files_table(report: PreparationReport) -> Table:
    table = Table(title="Prepared files")
    table.add_column("dataset", no_wrap=True)
    for title in ("rows", "train", "valid", "dropped", "larger", "smaller", "MB"):
        table.add_column(title, justify="right")
    for file in report.files.values():
        table.add_row(
            file.name,
            f"{file.rows_in:,}",
            f"{file.rows_train:,}",
            f"{file.rows_validation:,}",
            f"{sum(file.dropped.values()):,}",
            f"{file.images.enlarged:,}",
            f"{file.images.reduced:,}",
            f"{(file.bytes_train + file.bytes_validation) / 1e6:,.0f}",
        )
    return table


def _issue_table(file: FileReport) -> Table:
    table = Table(title=f"{file.name}: issues")
    table.add_column("issue", no_wrap=True)
    table.add_column("rows", justify="right")
    table.add_column("dropped", justify="right")
    table.add_column("what it means")
    table.add_column("for example")
    for issue, rows in file.issues.items():
        example = next(iter(file.examples.get(issue, [])), "")
        dropped = f"{file.dropped.get(issue, 0):,}" if issue in file.recipe.dropped else "kept"
        # As `Text`: what is in the data must not be read as markup.
        table.add_row(issue, f"{rows:,}", dropped, MEANING[issue], Text(example))
    return table


def _lines(file: FileReport) -> Iterator[str]:
    name = file.name
    if file.unknown_columns:
        action = {"drop": "dropped", "keep": "kept"}[file.recipe.unknown_columns]
        yield f"{name}: unknown columns {action}: {', '.join(file.unknown_columns)}"
    if file.prompts:
        counts = ", ".join(f"{rows:,} {of}" for of, rows in file.prompts.items())
        yield f"{name}: prompts in the family's form: {counts}"
    if file.images.before and file.images.after:
        yield f"{name}: images before {_sizes(file.images.before)}"
        if file.images.before != file.images.after:
            yield f"{name}: images after  {_sizes(file.images.after)}"
    if file.images.jpegs:
        jpegs = file.images.jpegs
        yield (
            f"{name}: {jpegs.images:,} changed images stayed JPEGs, which are smaller; their "
            f"pixels differ from lossless ones by {jpegs.mean_error:.2f} of 255 levels in the "
            f"mean, by {jpegs.largest_error} at most"
        )
    if file.kinds:
        kinds = ", ".join(f"{kind} {rows:,}" for kind, rows in file.kinds.items())
        yield f"{name}: references by kind: {kinds}"
    yield from _math_lines(file)
    if file.duplicates:
        repeating = (
            f"{counted(file.duplicates, 'row')} {which(file.duplicates, 'repeats', 'repeat')}"
        )
        yield f"{name}: {repeating} an earlier one (image, question, reference)"
    for group in file.contradictions[:SHOWN_CONTRADICTIONS]:
        said = "; ".join(f"row {row.row} says {row.reference!r}" for row in group)
        yield f"{name}: contradictory: {said}"
    hidden = len(file.contradictions) - SHOWN_CONTRADICTIONS
    if hidden > 0:
        yield f"{name}: {hidden:,} more contradictory groups are in report.json"


def _math_lines(file: FileReport) -> Iterator[str]:
    if file.math is None:
        return
    yield (
        f"{file.name}: of {file.math.references:,} math references our scoring refuses "
        f"{file.math.unmatched:,} as their own answer"
    )
    for fact, rows in file.math.facts.items():
        yield f"{file.name}: math references {MATH_MEANING[fact]}: {rows:,}"


def _sizes(sizes: Sizes) -> str:
    return (
        f"sides {sizes.smallest_side} to {sizes.longest_side} px; million pixels: median "
        f"{sizes.median_pixels / 1e6:.2f}, 95 % {sizes.p95_pixels / 1e6:.2f}, "
        f"largest {sizes.largest_pixels / 1e6:.2f}"
    )

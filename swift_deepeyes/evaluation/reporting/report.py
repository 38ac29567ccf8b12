"""The report of an evaluation: `report.json` for programs, `report.md` for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from swift_deepeyes.counted import counted, which
from swift_deepeyes.evaluation.pixel_check import PixelCheck
from swift_deepeyes.evaluation.reporting.figures import Figures
from swift_deepeyes.evaluation.reporting.published import PublishedFigure
from swift_deepeyes.evaluation.reporting.tables import Table, all_tables
from swift_deepeyes.evaluation.served_model import ServedModel
from swift_deepeyes.frozen import FrozenModel

REPORT_JSON, REPORT_MARKDOWN = "report.json", "report.md"
_REASONS_NAMED = 5


class Report(FrozenModel):
    """Everything that an evaluation found.

    `figures` is the same for the same trajectories; `failed_tries` is how this process fared.
    """

    benchmark: str
    model: ServedModel
    settings: Mapping[str, str]
    options: str
    figures: Figures
    pixels: PixelCheck
    published: tuple[PublishedFigure, ...]
    not_run: Mapping[str, str] = {}
    judge_error: str = ""
    failed_tries: Mapping[str, int] = {}
    restored_thoughts: int = 0
    lost_lines: int = 0

    @property
    def is_complete(self) -> bool:
        """Everything planned was run and judged."""
        modes = self.figures.modes
        return not self.judge_error and not any(mode.not_run or mode.not_judged for mode in modes)

    @property
    def tables(self) -> list[Table]:
        """The tables that people see."""
        return all_tables(self.figures, self.published)

    @property
    def remarks(self) -> list[str]:
        """What must be known before a figure is quoted."""
        remarks = []
        if self.pixels.problem:
            remarks.append(self.pixels.problem)
        missing = sum(mode.not_run for mode in self.figures.modes)
        if missing:
            reasons = Counter(self.not_run.values()).most_common(_REASONS_NAMED)
            told = "; ".join(f"{count}x {reason}" for reason, count in reasons)
            remarks.append(
                f"{counted(missing, 'trajectory', 'trajectories')} "
                f"{which(missing, 'was', 'were')} NOT RUN and {which(missing, 'is', 'are')} in no "
                f"figure ({told}). "
                "The same command again continues."
            )
        if self.judge_error:
            remarks.append(
                f"The judge was away, so trajectories are NOT JUDGED ({self.judge_error}) "
                "The same command again judges them."
            )
        return remarks + _minor_remarks(self)


def _minor_remarks(report: Report) -> list[str]:
    remarks = []
    unread = sum(mode.not_judged for mode in report.figures.modes)
    if unread and not report.judge_error:
        remarks.append(
            f"{counted(unread, 'answer')} {which(unread, 'is', 'are')} NOT JUDGED: the judge's "
            "reply, or the answer, could not be read. They are in no accuracy; the same command "
            "again asks once more."
        )
    empty = sum(mode.empty_turns for mode in report.figures.modes)
    if empty:
        remarks.append(
            f"{counted(empty, 'trajectory', 'trajectories')} {which(empty, 'holds', 'hold')} an "
            "EMPTY reply, which counts as no answer. If the model "
            "does not stop at once by itself, see whether the server takes text out: "
            "--tool-call-parser, --reasoning-parser."
        )
    if report.restored_thoughts:
        remarks.append(
            f"In {counted(report.restored_thoughts, 'turn')} the server's reasoning parser had "
            "taken the thought out of the text; it was put back between <think> and </think>. "
            "Start the server without --reasoning-parser to measure exactly what the model writes."
        )
    if report.lost_lines:
        remarks.append(
            f"{counted(report.lost_lines, 'line')} of this folder's log could not be read and "
            f"{which(report.lost_lines, 'was', 'were')} run again."
        )
    return remarks


def to_markdown(report: Report) -> str:
    """The report as a Markdown page."""
    model = report.model
    lines = [f"# {report.benchmark}: {model.name}", ""]
    lines += [f"**{remark}**\n" for remark in report.remarks]
    lines += [
        f"- Model: {model.family}, boxes in {model.frame}, {model.min_pixels} to "
        f"{model.max_pixels} pixels ({model.how}).",
        f"- Options: {report.options}.",
        f"- Image tokens as the server counts them: {probed(report.pixels)}.",
        "",
    ]
    for table in report.tables:
        lines += [f"## {table.title}", "", _row(table.columns), _row(["---"] * len(table.columns))]
        lines += [_row(row) for row in table.rows]
        lines.append("")
    lines += ["## Settings", "", _row(["setting", "value"]), _row(["---", "---"])]
    lines += [_row([name, value]) for name, value in report.settings.items()]
    return "\n".join(lines) + "\n"


def probed(pixels: PixelCheck) -> str:
    """Each probe: the view's size, and its tokens as counted and as expected."""
    told = [
        f"{probe.view[0]}x{probe.view[1]} {probe.counted} (expected {probe.expected})"
        for probe in pixels.probes
    ]
    return ", ".join(told) or "not asked"


def _row(cells: list[str] | tuple[str, ...]) -> str:
    # A bar or a line break in a name would end the cell.
    escaped = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(escaped) + " |"

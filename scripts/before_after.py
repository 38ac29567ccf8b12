"""One table of several evaluations: accuracy by benchmark and tool, before and after training.

python scripts/before_after.py output/run/v0-20261128-120000/evaluation base checkpoint-80
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from swift_deepeyes.evaluation.reporting.figures import ModeFigures
from swift_deepeyes.evaluation.reporting.report import REPORT_JSON, Report


def read_reports(folder: Path) -> dict[str, Report]:
    """The reports of a model's folder, by benchmark."""
    files = sorted(folder.glob(f"*/{REPORT_JSON}"))
    return {file.parent.name: Report.model_validate_json(file.read_text()) for file in files}


def cell(mode: ModeFigures | None) -> str:
    """Accuracy with its 95 % interval, and how many trajectories had a crop, in percent."""
    if mode is None or mode.accuracy is None:
        return "-"
    low, value, high = (
        100 * x for x in (mode.accuracy.low, mode.accuracy.value, mode.accuracy.high)
    )
    crops = f", crops {mode.tool_use.crop_share:.0%}" if mode.tool == "on" else ""
    return f"{value:.1f} ({low:.1f} to {high:.1f}){crops}"


def main() -> None:
    """Print the table."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    reports = {name: read_reports(folder / name) for name in names}
    table = Table("benchmark", "tool", *names, title="Accuracy in %, with its 95 % interval")
    for benchmark in sorted({benchmark for of in reports.values() for benchmark in of}):
        modes = {
            name: {str(mode.tool): mode for mode in of[benchmark].figures.modes}
            for name, of in reports.items()
            if benchmark in of
        }
        for tool in ("on", "off"):
            if any(tool in of for of in modes.values()):
                cells = (cell(modes.get(name, {}).get(tool)) for name in names)
                table.add_row(benchmark, tool, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()

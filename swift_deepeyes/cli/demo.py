"""`swift-deepeyes demo`: its options, and how its progress and results look."""

from __future__ import annotations

import logging
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from swift_deepeyes.demo.figures import WINDOW, StepFigures, Summary, mean_of
from swift_deepeyes.demo.options import DEFAULT_STEPS, EXAM_QUESTIONS, DemoOptions, OutputTakenError

if TYPE_CHECKING:
    from swift_deepeyes.demo.evaluation import Result

_SHOWN_STEPS = 5
_LINE_EVERY = 10  # steps, where there is no terminal for a progress bar


def demo(
    seed: Annotated[int, typer.Option(help="Makes toy, data and training.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="GRPO steps.")] = DEFAULT_STEPS,
    output: Annotated[Path, typer.Option(help="Folder for everything.")] = Path("output/demo"),
) -> None:
    """Train a toy policy with GRPO and the zoom tool, on a laptop, in a few minutes."""
    # These import half of the machine-learning world; `--help` must not.
    from swift_deepeyes.demo.processes import ProcessFailedError
    from swift_deepeyes.demo.run import run_demo

    # The exam's questions would each leave a line between the demo's own.
    for client in ("httpx", "httpx2"):
        logging.getLogger(client).setLevel(logging.WARNING)
    # Ended from outside, it must still end the commands that it has started.
    signal.signal(signal.SIGTERM, _end)
    try:
        with _ConsoleWatcher(Console()) as watcher:
            run_demo(DemoOptions(seed, steps, output), watcher)
    except (OutputTakenError, ProcessFailedError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(1) from None


def _end(*_: object) -> None:
    typer.secho("error: ended by SIGTERM", fg="red", err=True)
    sys.exit(128 + signal.SIGTERM)


@dataclass
class _ConsoleWatcher:
    """Shows the demo on a terminal, or as plain lines where there is none."""

    console: Console
    _bars: dict[str, TaskID] = field(default_factory=dict)
    _told: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> _ConsoleWatcher:
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False)

    def progress(self, stage: str, done: int, total: int, note: str) -> None:
        """Move the stage's bar, or print a line now and then."""
        if self.console.is_terminal:
            if stage not in self._bars:
                self._bars[stage] = self._progress.add_task(stage, total=total, note=note)
            self._progress.update(self._bars[stage], completed=done, note=note)
        elif done >= min(total, self._told.get(stage, 0) + _LINE_EVERY):
            if self._told.get(stage) != done:
                self.say(f"  {stage} {done}/{total}: {note}")
            self._told[stage] = done

    def finish(
        self,
        steps: list[StepFigures],
        exams: list[Result],
        summary: Summary,
        files: dict[str, Path],
    ) -> None:
        """Print the first and the last steps, the exams, and where everything is."""
        self._progress.stop()
        self.console.print(_table(steps))
        self.console.print(_exam_table(exams))
        gain = summary.reward_last - summary.reward_first
        self.say(
            f"Mean reward of the last {WINDOW} steps {summary.reward_last:.2f}, of the first "
            f"{WINDOW} {summary.reward_first:.2f} ({gain:+.2f}), in {summary.seconds:.0f} s."
        )
        for what, path in files.items():
            self.console.print(f"  {what}: {path}", markup=False, soft_wrap=True)


def _table(steps: list[StepFigures]) -> Table:
    table = Table(title="GRPO, first and last steps")
    for column in ("step", "reward", "accuracy", "format", "with a crop", "turns"):
        table.add_column(column, justify="right")
    first, last = steps[:_SHOWN_STEPS], steps[_SHOWN_STEPS:][-_SHOWN_STEPS:]
    for step in first:
        table.add_row(str(step.step), *_cells([step]))
    table.add_section()
    for step in last:
        table.add_row(str(step.step), *_cells([step]))
    table.add_section()
    table.add_row(f"first {WINDOW}", *_cells(steps[:WINDOW]), style="bold")
    table.add_row(f"last {WINDOW}", *_cells(steps[-WINDOW:]), style="bold")
    return table


def _exam_table(exams: list[Result]) -> Table:
    table = Table(title=f"{EXAM_QUESTIONS} new scenes, greedy")
    for column in ("exam", "right", "95 % interval", "with a crop", "report"):
        table.add_column(column)
    for exam in exams:
        interval = f"{exam.low:.0%} to {exam.high:.0%}"
        shares = f"{exam.accuracy:.0%}", interval, f"{exam.crop_share:.0%}"
        table.add_row(exam.name, *shares, str(exam.report))
    return table


def _cells(steps: list[StepFigures]) -> list[str]:
    return [
        f"{mean_of(steps, 'reward'):.2f}",
        f"{mean_of(steps, 'accuracy'):.2f}",
        f"{mean_of(steps, 'format'):.2f}",
        f"{mean_of(steps, 'crop_rate'):.0%}",
        f"{mean_of(steps, 'turns'):.2f}",
    ]

"""The progress of `prepare`, `eval` and `demo`: a bar per stage, or lines without a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from swift_deepeyes.progress import Progress

LINES_PER_STAGE = 10  # where there is no terminal for a bar


class Speed(ProgressColumn):
    """Steps per second, where they are quick enough for a whole number."""

    def render(self, task: Task) -> Text:
        """As text; empty while nothing is known."""
        speed = task.finished_speed or task.speed or 0.0
        return Text(f"{speed:,.0f}/s" if speed >= 1 else "", style="progress.data.speed")


class ConsoleProgress(Progress):
    """Shows each stage on a console; a context manager."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars = Bars(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Speed(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._next_line = 0.0

    def __enter__(self) -> Self:
        """Show the bars."""
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave them as they are."""
        self._bars.stop()

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        """A new bar."""
        self._task = self._bars.add_task(escape(stage), total=total, note="")
        # Steps of an earlier run are no speed of this one.
        self._bars.reset(self._task, total=total, completed=done)
        self._next_line = done + total / LINES_PER_STAGE
        super().begin(stage, total, done)

    def update(self, note: str) -> None:
        """Move the last bar, or print a line now and then."""
        if self.console.is_terminal and self._task is not None:
            self._bars.update(self._task, completed=self.done, note=escape(note))
        elif self.done >= min(self.total, self._next_line) and self._next_line < float("inf"):
            self.say(f"  {self.stage} {self.done:,}/{self.total:,}{note and ': '}{note}")
            step = self.total / LINES_PER_STAGE
            self._next_line = self.done + step if self.done < self.total else float("inf")

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False, soft_wrap=True)

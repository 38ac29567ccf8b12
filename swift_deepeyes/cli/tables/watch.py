"""How `swift-deepeyes watch` looks: one frame of a terminal, made of what is known of a run.

Every text of a log is a model's or a stranger's: it is shown as text, whatever it holds.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from swift_deepeyes.episode.trajectory import CallRecord, CallStatus
from swift_deepeyes.metrics.pace import duration
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.watching.curves import BLOCKS, PLAIN_BLOCKS, sparkline
from swift_deepeyes.watching.run import WatchedRun
from swift_deepeyes.watching.state import RunView

_WHOLE_TRAJECTORIES = 6
_SHOWN_CALLS = 2
_MAX_TEXT = 2_000  # characters that are looked at: a line of a terminal holds far fewer
_COLOURS = {1.0: ("right", "green"), None: ("unjudged", "yellow")}
_WRONG = ("wrong", "red")
_MAX_NAME, _MAX_SETTING = 32, 64  # characters
_ROOM_FROM = 44  # lines of a terminal that has room for higher curves, and for advice


def make_console() -> Console:
    """The terminal; a character that its encoding lacks becomes a `?`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False)


def print_line(console: Console, line: str) -> None:
    """One line, whole."""
    console.print(Text(plain(line)), soft_wrap=True)


def plain(text: str) -> str:
    """The text on one line, with the code of each character that a terminal would act on."""
    line = "".join(" " if c.isspace() else c for c in text[:_MAX_TEXT]).strip()
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)


def _short(text: str, characters: int) -> str:
    line = plain(text)
    return line if len(line) <= characters else line[: characters - 1] + "…"


class Screen:
    """One picture of a run, as wide as the terminal; `is_whole`: however high it gets."""

    def __init__(self, run: WatchedRun, *, is_whole: bool = False) -> None:
        self._run, self._is_whole = run, is_whole

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """For rich."""
        view = self._run.view()
        if view.is_empty:
            yield Text(plain(self._run.waits_for))
            return
        height = None if self._is_whole else options.size.height
        blocks = PLAIN_BLOCKS if options.ascii_only else BLOCKS
        has_room = height is None or height >= _ROOM_FROM
        rows = 2 if height is not None and has_room else 1
        above = Group(_head(view), _curves(view, options.max_width, rows, blocks))
        below = Group(*_alarms(view, has_room), *_settings(view), *self._notes(view))
        room = _WHOLE_TRAJECTORIES
        if height is not None:
            used = sum(len(console.render_lines(part, options)) for part in (above, below))
            room = max((height - used - 2) // 2, 1)
        yield above
        yield _title(f"last trajectories of {view.seen:,}")
        yield _trajectories(view.trajectories[:room])
        yield below

    def _notes(self, view: RunView) -> Iterator[RenderableType]:
        notes = []
        if view.is_counted:
            part = "the last" if self._run.is_partial else "all"
            notes.append(
                f"no metrics.jsonl: curves are counted in {part} {view.seen:,} trajectories"
            )
        skipped = view.skipped
        if lines := skipped.half_written + skipped.unreadable:
            notes.append(f"{lines:,} line{'s' * (lines > 1)} could not be read")
        if skipped.newer:
            notes.append("written by a later version: some of it may be missing here")
        if notes:
            yield Text("; ".join(notes), style="dim")


def _title(text: str, style: str = "dim") -> Rule:
    return Rule(Text(text, style="bold"), align="left", style=style)


def _head(view: RunView) -> Text:
    name = view.run.name if view.run is not None else "a run without run.json"
    head = Text(_short(name, _MAX_NAME), style="bold", no_wrap=True, overflow="ellipsis")
    if view.step is not None and view.is_training:
        steps = f"/{view.steps}" if view.steps else ""
        head.append(f"   step {view.step}{steps}", style="bold cyan")
    if view.seconds_left is not None:
        head.append(f"   left {duration(view.seconds_left)}")
    if view.written is not None:
        ago = duration(time.time() - view.written)
        head.append(f"   last step {ago} ago", style="dim")
    return head


def _curves(view: RunView, width: int, rows: int, blocks: str) -> Table:
    """A line (or two) for each curve: title, the curve, its first and its last value."""
    table = Table.grid(padding=(0, 1))
    for justify in ("left", "left", "right", "left", "right"):
        table.add_column(justify=justify, no_wrap=True, vertical="bottom")
    cells = [
        (curve.title, curve.write(curve.points[0][1]), curve.write(curve.points[-1][1]))
        for curve in view.curves
    ]
    fixed = [max((len(cell[place]) for cell in cells), default=0) for place in range(3)]
    room = max(width - sum(fixed) - len("→") - 2 * len(fixed) + 1, 8)
    steps = sorted({step for curve in view.curves for step, _ in curve.points})
    for curve, (title, first, last) in zip(view.curves, cells, strict=True):
        drawn = Text("\n".join(sparkline(curve, steps, room, rows, blocks)), style="cyan")
        arrow = "→" if blocks == BLOCKS else ">"
        if len(curve.points) == 1:
            drawn, first, arrow = Text(), "", ""
        table.add_row(title, drawn, Text(first, style="dim"), arrow, Text(last, style="bold"))
    return table


def _trajectories(items: tuple[LoggedTrajectory, ...]) -> Table:
    """Two lines for each: the question; what was looked at, and what was answered."""
    table = Table.grid(padding=(0, 1), expand=True)
    widths = max((len(str(item.step)) for item in items), default=1), len("unjudged"), len("-0.20")
    for width in widths:
        table.add_column(justify="right", no_wrap=True, min_width=width)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for item in items:
        word, colour = _COLOURS.get(item.score.accuracy, _WRONG)
        text = Text(plain(item.question) or "(no question)", no_wrap=True, overflow="ellipsis")
        text.append("\n").append_text(_answer(item, colour))
        table.add_row(str(item.step), Text(word, style=colour), f"{item.score.total:.2f}", text)
    return table


def _answer(item: LoggedTrajectory, colour: str) -> Text:
    line = Text()
    for call in _calls(item):
        line.append(call, style="magenta").append("  ")
    answer = item.score.answer
    if answer is None:
        line.append(f"no answer ({_end(item)})", style=colour)
    else:
        line.append("answer ", style="dim").append(plain(answer), style=colour)
    if item.score.accuracy != 1:
        line.append("  reference ", style="dim").append(plain(item.reference))
    verdict = item.score.verdict
    if verdict is not None:
        line.append(f"  by {verdict.decided_by.replace('_', ' ')}", style="dim")
    return line


def _end(item: LoggedTrajectory) -> str:
    return str(item.trajectory.stop_reason or "its end is not known").replace("_", " ")


def _calls(item: LoggedTrajectory) -> Iterator[str]:
    calls = list(item.trajectory.calls)
    for call in calls[:_SHOWN_CALLS]:
        yield _call(call)
    if len(calls) > _SHOWN_CALLS:
        yield f"+{len(calls) - _SHOWN_CALLS} calls"


def _call(call: CallRecord) -> str:
    if call.status is not CallStatus.OK:
        return plain(str(call.status).replace("_", " "))
    box = "" if call.box is None else "[" + " ".join(f"{side:.0f}" for side in call.box) + "]"
    size = "" if call.crop_size is None else "crop {}x{}".format(*call.crop_size)
    return " ".join(part for part in (box, size) if part) or plain(call.name or "call")


def _alarms(view: RunView, has_room: bool) -> Iterator[RenderableType]:
    if view.alarms or view.active_alarms:
        yield _title(f"alarms, {view.active_alarms} active", "red" if view.active_alarms else "dim")
    for place, alarm in enumerate(view.alarms, start=1):
        text = Text(f"step {alarm.step}: {plain(alarm.text)}", style="yellow")
        if not has_room or place < len(view.alarms):  # the newest whole, with what to try
            text.no_wrap, text.overflow = True, "ellipsis"
        yield text


def _settings(view: RunView) -> Iterator[RenderableType]:
    if view.run is None or not view.run.settings:
        return
    yield _title(plain(f"{view.run.kind}, begun {view.run.started}"))
    text = Text()
    for name, value in view.run.settings.items():
        text.append(f"{_short(name, _MAX_SETTING)} ", style="dim")
        text.append(_short(value, _MAX_SETTING)).append("   ")
    yield text

"""The report's tables, as plain cells: the terminal and the Markdown file show the same ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from swift_deepeyes.counted import counted
from swift_deepeyes.evaluation.reporting.figures import Figures, ModeFigures
from swift_deepeyes.evaluation.reporting.published import PublishedFigure
from swift_deepeyes.evaluation.reporting.statistics import Proportion
from swift_deepeyes.frozen import FrozenModel

Cell = Callable[[ModeFigures], str]


class Table(FrozenModel):
    """A titled table; every row has as many cells as there are columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def all_tables(figures: Figures, published: tuple[PublishedFigure, ...]) -> list[Table]:
    """Everything that is reported, most important first; tables without rows are left out."""
    tables = [
        _accuracy(figures),
        _guessers(figures),
        _by(figures, "By category", "category", lambda mode: mode.by_category),
        _by(figures, "By place of the right option", "place", lambda mode: mode.by_position),
        _tool(figures),
        _endings(figures),
        _published(published),
    ]
    return [table for table in tables if table.rows]


def percent(value: float | None) -> str:
    """A share as percent with one decimal; a dash for nothing."""
    return "-" if value is None else f"{100 * value:.1f}"


def interval(share: Proportion | None) -> str:
    """A share with its interval."""
    if share is None:
        return "-"
    return f"{percent(share.value)} [{percent(share.low)}, {percent(share.high)}]"


def _columns(figures: Figures) -> tuple[str, ...]:
    return tuple(f"tool {mode.tool}" for mode in figures.modes)


def _rows(figures: Figures, cells: Mapping[str, Cell]) -> tuple[tuple[str, ...], ...]:
    return tuple((name, *(cell(mode) for mode in figures.modes)) for name, cell in cells.items())


def _accuracy(figures: Figures) -> Table:
    asked = [counted(figures.questions, "question")]
    asked += [f"{figures.rotations} rotations"] * (figures.rotations > 1)
    asked += [f"{figures.samples} samples"] * (figures.samples > 1)
    cells: dict[str, Cell] = {
        "accuracy": lambda mode: interval(mode.accuracy),
        "right in all rotations": lambda mode: interval(mode.strict),
        "planned": lambda mode: str(mode.planned),
        "NOT RUN": lambda mode: str(mode.not_run),
        "NOT JUDGED": lambda mode: str(mode.not_judged),
    }
    if all(mode.strict is None for mode in figures.modes):
        del cells["right in all rotations"]
    for name in ("NOT RUN", "NOT JUDGED"):
        if all(cells[name](mode) == "0" for mode in figures.modes):
            del cells[name]
    rows = _rows(figures, cells)
    if figures.gain is not None:
        empty = [""] * (len(figures.modes) - 1)
        rows = (*rows, ("gain by the tool (paired)", interval(figures.gain), *empty))
    title = f"Accuracy, % [95 % interval]: {', '.join(asked)}"
    return Table(title=title, columns=("", *_columns(figures)), rows=rows)


def _guessers(figures: Figures) -> Table:
    chance = figures.chance
    if chance.random is None:
        return Table(title="Guessing", columns=(), rows=())
    rows = [
        ("draws evenly", percent(chance.random)),
        ("always the first option", percent(chance.first_option)),
        (f"always the most frequent ({chance.favourite_answer})", percent(chance.favourite)),
    ]
    if chance.first_as_published is not None:
        published = percent(chance.first_as_published)
        rows.append(("always the first option, if options stood as published", published))
    title = "What guessing without looking gets on these questions, %"
    return Table(title=title, columns=("guesser", "accuracy"), rows=tuple(rows))


def _by(
    figures: Figures,
    title: str,
    column: str,
    get: Callable[[ModeFigures], Mapping[str, Proportion]],
) -> Table:
    names = sorted({name for mode in figures.modes for name in get(mode)})
    rows = tuple(
        (
            name,
            *(
                f"{interval(get(mode).get(name))} (n={shown.questions})"
                if (shown := get(mode).get(name))
                else "-"
                for mode in figures.modes
            ),
        )
        for name in names
    )
    rows = rows if len(rows) > 1 else ()
    return Table(title=f"{title}, %", columns=(column, *_columns(figures)), rows=rows)


def _tool(figures: Figures) -> Table:
    modes = [mode for mode in figures.modes if mode.tool_use.calls or mode.tool == "on"]
    cells: dict[str, Cell] = {
        "trajectories with a crop, %": lambda mode: percent(mode.tool_use.crop_share),
        "calls per trajectory": lambda mode: f"{mode.tool_use.calls_per_trajectory:.2f}",
        "most calls": lambda mode: str(mode.tool_use.most_calls),
        "calls that returned a crop, %": lambda mode: percent(mode.tool_use.ok_share),
        "region's share of the image, %": lambda mode: percent(mode.tool_use.area_share),
        "accuracy with a crop": lambda mode: interval(mode.tool_use.accuracy_with_crop),
        "accuracy without a crop": lambda mode: interval(mode.tool_use.accuracy_without_crop),
        "calls by outcome": lambda mode: _listed(mode.tool_use.outcomes),
    }
    rows = tuple((name, *(cell(mode) for mode in modes)) for name, cell in cells.items())
    columns = ("", *(f"tool {mode.tool}" for mode in modes))
    return Table(title="Tool use", columns=columns, rows=rows if modes else ())


def _endings(figures: Figures) -> Table:
    cells: dict[str, Cell] = {
        "ended because": lambda mode: _listed(mode.stop_reasons),
        "no readable answer": lambda mode: str(mode.no_answer),
        "format errors": lambda mode: _listed(mode.format_errors),
        "turns per trajectory": lambda mode: f"{mode.turns:.2f}",
        "tokens written per trajectory": lambda mode: f"{mode.tokens_per_trajectory:.0f}",
    }
    rows = _rows(figures, cells)
    return Table(title="How trajectories ended", columns=("", *_columns(figures)), rows=rows)


def _published(published: tuple[PublishedFigure, ...]) -> Table:
    return Table(
        title="Published under OTHER conditions (for orientation, not for comparison), %",
        columns=("model", "figure", "conditions"),
        rows=tuple((entry.model, entry.figure, entry.conditions) for entry in published),
    )


def _listed(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered) or "-"

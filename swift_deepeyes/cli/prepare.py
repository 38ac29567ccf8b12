"""`swift-deepeyes prepare`: reads its options, prepares, shows the report.

Part of the command line (cli.py only registers it), so it prints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from swift_deepeyes.cli.command import INTERRUPTED, option
from swift_deepeyes.cli.prompts import family_option, prompt_form, prompt_option
from swift_deepeyes.episode.family import Family
from swift_deepeyes.preparation.choices import (
    DROPPED_BY_DEFAULT,
    ChartPolicy,
    PromptColumn,
    RowIssue,
    UnknownColumns,
)
from swift_deepeyes.prompt_style import PromptStyle

IMAGES, ROWS = "Images", "Rows and columns"
DEFAULTS = ", ".join(sorted(DROPPED_BY_DEFAULT))
GO_ON = "the same command goes on from there, and gives the same bytes"


def prepare(
    data: Annotated[
        list[Path],
        typer.Argument(help="Parquet files, or folders of them, e.g. data/", metavar="DATA"),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the prepared files.", metavar="DIR")] = Path(
        "prepared"
    ),
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes for the images.", metavar="N", show_default="all cores"
        ),
    ] = None,
    validation: Annotated[
        float, option(ROWS, "Fraction of the images kept for validation.", "F", min=0, max=0.5)
    ] = 0.0,
    keep: Annotated[
        list[RowIssue] | None,
        option(ROWS, f"Keep rows with this issue. Dropped are {DEFAULTS}. Repeatable.", "ISSUE"),
    ] = None,
    drop: Annotated[
        list[RowIssue] | None,
        option(ROWS, "Drop rows with this issue too. Repeatable.", "ISSUE"),
    ] = None,
    chart: Annotated[
        ChartPolicy,
        option(ROWS, "Chart rows, whose images are very large: exclude, cap or keep.", "WHAT"),
    ] = ChartPolicy.CAP,
    messages: Annotated[bool, option(ROWS, "Name the column messages, not prompt.", None)] = False,
    prompt: Annotated[PromptStyle, prompt_option(ROWS)] = PromptStyle.PUBLISHED,
    family: Annotated[Family | None, family_option(ROWS)] = None,
    unknown_columns: Annotated[
        UnknownColumns, option(ROWS, "drop or keep columns that the schema has not.", "WHAT")
    ] = UnknownColumns.DROP,
    max_pixels: Annotated[int | None, option(IMAGES, "Reduce larger images.", min=1024)] = None,
    max_side: Annotated[int | None, option(IMAGES, "Reduce longer images.", min=32)] = None,
    min_side: Annotated[
        int, option(IMAGES, "Enlarge smaller ones; 32 is right for all families.", min=1)
    ] = 32,
) -> None:
    """Make training files of published or own rows: checked, one schema, images sized.

    For whoever trains on the published data, or brings rows of the same form.
    Writes parquet files, a report, and dataset_info.json for `swift rlhf`. The
    same command goes on after an interruption.
    """
    from rich.console import Console

    from swift_deepeyes.cli.progress import ConsoleProgress
    from swift_deepeyes.cli.tables.prepare import nothing_left, render
    from swift_deepeyes.errors import PrepareError
    from swift_deepeyes.preparation.images import available_cores
    from swift_deepeyes.preparation.recipe import Recipe
    from swift_deepeyes.preparation.run import find_sources
    from swift_deepeyes.preparation.run import prepare as prepare_files

    recipe = Recipe(
        prompt_column=PromptColumn.MESSAGES if messages else PromptColumn.PROMPT,
        prompt_style=prompt,
        prompt_form=prompt_form(prompt, family),
        chart=chart,
        min_side=min_side,
        max_side=max_side,
        max_pixels=max_pixels,
        validation=validation,
        unknown_columns=unknown_columns,
        dropped=(DROPPED_BY_DEFAULT | frozenset(drop or ())) - frozenset(keep or ()),
    )
    console = Console()
    try:
        with ConsoleProgress(console) as progress:
            report = prepare_files(data, out, recipe, workers or available_cores(), progress)
    except KeyboardInterrupt:
        typer.echo(f"Stopped. What is finished is kept in {out}; {GO_ON}.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    for block in render(report):
        console.print(block)
    empty = [report.files[name] for name in find_sources(data, out)]
    if not any(file.rows_out for file in empty):
        raise PrepareError(nothing_left(empty))

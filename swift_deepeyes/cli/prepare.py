"""`swift-deepeyes prepare`: reads its options, prepares, shows the report.

Part of the command line (cli.py only registers it), so it prints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from swift_deepeyes.preparation.choices import (
    DROPPED_BY_DEFAULT,
    ChartPolicy,
    PromptColumn,
    PromptStyle,
    RowIssue,
    UnknownColumns,
)


def prepare(
    data: Annotated[
        list[Path], typer.Argument(help="Parquet files, or folders of them, e.g. data/")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the prepared files.")] = Path("prepared"),
    messages: Annotated[bool, typer.Option(help="Name the column messages, not prompt.")] = False,
    prompt: Annotated[
        PromptStyle, typer.Option(help="corrected: the tool's schema requires bbox_2d, not bbox.")
    ] = PromptStyle.PUBLISHED,
    chart: Annotated[
        ChartPolicy, typer.Option(help="The chart rows, whose images are very large.")
    ] = ChartPolicy.CAP,
    min_side: Annotated[
        int, typer.Option(min=1, help="Enlarge images below; 32 is right for all families.")
    ] = 32,
    max_side: Annotated[int | None, typer.Option(min=32, help="Reduce longer images.")] = None,
    max_pixels: Annotated[int | None, typer.Option(min=1024, help="Reduce larger images.")] = None,
    validation: Annotated[
        float, typer.Option(min=0, max=0.5, help="Fraction for validation, by image.")
    ] = 0.0,
    keep: Annotated[
        list[RowIssue] | None, typer.Option(help="Keep rows with this issue. Several times.")
    ] = None,
    drop: Annotated[
        list[RowIssue] | None, typer.Option(help="Drop rows with this issue. Several times.")
    ] = None,
    unknown_columns: Annotated[
        UnknownColumns, typer.Option(help="Columns that the data's schema does not have.")
    ] = UnknownColumns.DROP,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes for the images; default: all cores.")
    ] = None,
) -> None:
    """Make training files of published ones: checked, one schema, sized. Goes on if interrupted."""
    from rich.console import Console

    from swift_deepeyes.cli.prepare_tables import nothing_left, render
    from swift_deepeyes.cli.progress import ConsoleProgress
    from swift_deepeyes.errors import PrepareError
    from swift_deepeyes.preparation.images import available_cores
    from swift_deepeyes.preparation.recipe import Recipe
    from swift_deepeyes.preparation.run import find_sources
    from swift_deepeyes.preparation.run import prepare as prepare_files

    recipe = Recipe(
        prompt_column=PromptColumn.MESSAGES if messages else PromptColumn.PROMPT,
        prompt_style=prompt,
        chart=chart,
        min_side=min_side,
        max_side=max_side,
        max_pixels=max_pixels,
        validation=validation,
        unknown_columns=unknown_columns,
        dropped=(DROPPED_BY_DEFAULT | frozenset(drop or ())) - frozenset(keep or ()),
    )
    console = Console()
    with ConsoleProgress(console) as progress:
        report = prepare_files(data, out, recipe, workers or available_cores(), progress)
    for block in render(report):
        console.print(block)
    empty = [report.files[name] for name in find_sources(data, out)]
    if not any(file.rows_out for file in empty):
        raise PrepareError(nothing_left(empty))

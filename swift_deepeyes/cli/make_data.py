"""`swift-deepeyes make-data`: reads its options, makes the data, names the bad rows.

Part of the command line, so it prints.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swift_deepeyes.cli.command import option
from swift_deepeyes.cli.plugin_files import plugin_files_option
from swift_deepeyes.cli.prompts import family_option, prompt_form, prompt_option
from swift_deepeyes.episode.family import Family
from swift_deepeyes.prompt_style import PromptStyle

if TYPE_CHECKING:
    from rich.console import Console

    from swift_deepeyes.preparation.questions import MadeData

PROMPTS, IMAGES = "Tools and prompt", "Images"
SHOWN_BAD_ROWS = 20


def make_data(
    questions: Annotated[
        Path,
        typer.Argument(
            help="JSON lines, JSON, CSV or TSV: image, question, answer, if need be env_name.",
            metavar="FILE",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the files that are made.", metavar="DIR")
    ] = Path("my_data"),
    validation: Annotated[
        float,
        typer.Option(
            min=0, max=0.5, help="Fraction of the images kept for validation.", metavar="F"
        ),
    ] = 0.0,
    images: Annotated[
        Path | None,
        option(IMAGES, "Where their paths begin.", "DIR", show_default="the file's folder"),
    ] = None,
    max_pixels: Annotated[int | None, option(IMAGES, "Reduce larger images.", min=1024)] = None,
    workers: Annotated[
        int | None, option(IMAGES, "Processes.", min=1, show_default="all cores")
    ] = None,
    system_prompt: Annotated[
        Path | None,
        option(
            PROMPTS,
            "A text file, or a training parquet: its first row's.",
            "FILE",
            show_default="one that announces the tools",
        ),
    ] = None,
    toolbox: Annotated[
        str, option(PROMPTS, "The tools of rows without env_name.", "NAME")
    ] = "visual_toolbox_v2",
    prompt: Annotated[PromptStyle, prompt_option(PROMPTS)] = PromptStyle.PUBLISHED,
    family: Annotated[Family | None, family_option(PROMPTS)] = None,
    external_plugins: Annotated[list[Path] | None, plugin_files_option(PROMPTS)] = None,
) -> None:
    """Make training data of your own questions: an image, a question and an answer a row.

    Writes a parquet file in the schema of the published data, with the images
    in it, and dataset_info.json for `swift rlhf`. Each row is checked; bad ones
    are left out and named with their line.
    """
    from rich.console import Console

    from swift_deepeyes.cli.progress import ConsoleProgress
    from swift_deepeyes.preparation.images import available_cores
    from swift_deepeyes.preparation.questions import PromptChoice
    from swift_deepeyes.preparation.questions import make_data as make
    from swift_deepeyes.preparation.recipe import Recipe
    from swift_deepeyes.tools.plugins import load_entry_points, load_plugin_files
    from swift_deepeyes.tools.prompt import read_system_prompt

    form = prompt_form(prompt, family)
    load_entry_points()
    load_plugin_files(external_plugins or ())
    choice = PromptChoice(toolbox, read_system_prompt(system_prompt) if system_prompt else None)
    recipe = Recipe(
        validation=validation, max_pixels=max_pixels, prompt_style=prompt, prompt_form=form
    )
    console = Console()
    with ConsoleProgress(console) as progress:
        made = make(questions, out, choice, recipe, workers or available_cores(), progress, images)
    _show(console, made, out)


def _show(console: Console, made: MadeData, out: Path) -> None:
    from swift_deepeyes.cli.tables.prepare import render
    from swift_deepeyes.dataset.published import DATASET_INFO
    from swift_deepeyes.preparation.report import PreparationReport

    report = made.report
    for block in render(PreparationReport(files={report.name: report})):
        console.print(block)
    for row in made.bad_rows[:SHOWN_BAD_ROWS]:
        typer.secho(f"left out: {row}", fg="red")
    if len(made.bad_rows) > SHOWN_BAD_ROWS:
        typer.secho(f"left out: {len(made.bad_rows) - SHOWN_BAD_ROWS} more rows", fg="red")
    if made.ignored_columns:
        typer.echo(f"Columns that mean nothing here: {', '.join(made.ignored_columns)}")
    typer.echo(f"{report.rows_out:,} rows; {len(made.bad_rows):,} left out. For `swift rlhf`:")
    info = shlex.quote(str(out / DATASET_INFO))
    typer.echo(f"  --custom_dataset_info {info} --dataset {report.name}")

"""`swift-deepeyes eval`: the options of an evaluation, its progress and its tables.

Part of the command line (cli.py only registers it), so it prints. Everything heavy is imported when
the command runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.evaluation.names import Family

if TYPE_CHECKING:
    from rich.console import Console

    from swift_deepeyes.evaluation.config import Config
    from swift_deepeyes.evaluation.endpoint import Endpoint
    from swift_deepeyes.evaluation.evaluate import Sources
    from swift_deepeyes.evaluation.reporting.report import Report
    from swift_deepeyes.evaluation.served_model import Stated

INCOMPLETE = 1
"""Exit code: something was not run or judged."""

_CHATTY = ("httpx", "httpx2", "openai")  # a line for every request
_CONTINUES = "What is finished is in {out}; the same command continues."


class ToolChoice(StrEnum):
    """Which tool modes are run."""

    ON = "on"
    OFF = "off"
    BOTH = "both"


class RotationChoice(StrEnum):
    """How many orders of the options are asked; `auto`: as the benchmark's own protocol."""

    AUTO = "auto"
    ONE = "one"
    ALL = "all"


class EvalCommand(TyperCommand):
    """Lists the benchmarks in its help, which are only imported for it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help page."""
        from swift_deepeyes.evaluation.benchmarks import all_benchmarks

        for parameter in self.params:
            if isinstance(parameter, TyperArgument):
                parameter.help = f"What to ask: {', '.join(all_benchmarks())}."
        super().format_help(ctx, formatter)


def evaluate(
    benchmark: Annotated[str, typer.Argument(help="What to ask.")],
    data: Annotated[Path, typer.Option(help="The benchmark's file or folder, as downloaded.")],
    out: Annotated[Path, typer.Option(help="Folder for trajectories and report; continues.")],
    base_url: Annotated[str, typer.Option(help="The server, with /v1.")],
    model: Annotated[str | None, typer.Option(help="Default: the only one served.")] = None,
    api_key: Annotated[str, typer.Option(envvar="OPENAI_API_KEY")] = "EMPTY",
    images: Annotated[Path | None, typer.Option(help="Image files that lie elsewhere.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first questions.")] = None,
    tool: Annotated[ToolChoice, typer.Option()] = ToolChoice.ON,
    rotations: Annotated[RotationChoice, typer.Option()] = RotationChoice.AUTO,
    shuffle: Annotated[bool, typer.Option(help="Off: options in the file's order.")] = True,
    samples: Annotated[int, typer.Option(min=1, help="k of avg@k.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the options' order and of sampling.")] = 0,
    temperature: Annotated[float, typer.Option(min=0)] = 0.0,
    top_p: Annotated[float, typer.Option(min=0.01, max=1)] = 1.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Per turn.")] = 10_240,
    max_turns: Annotated[int, typer.Option(min=1)] = 6,
    system_prompt: Annotated[
        Path | None, typer.Option(help="A text file, or a training parquet: its first row's.")
    ] = None,
    family: Annotated[Family | None, typer.Option(help="Default: found out.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Folder of the model's files.")] = None,
    min_pixels: Annotated[int | None, typer.Option(min=1)] = None,
    max_pixels: Annotated[int | None, typer.Option(min=1, help="Default: found out.")] = None,
    max_context: Annotated[int | None, typer.Option(min=1, help="Tokens.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Trajectories in flight.")] = 16,
    retries: Annotated[int, typer.Option(min=0, help="Of each call.")] = 5,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds per call.")] = 600.0,
) -> None:
    """Run a benchmark against an OpenAI-compatible server, with the training's episode engine.

    The judge of open questions is that of training: DEEPEYES_JUDGE and its companions.
    """
    from swift_deepeyes.evaluation.benchmarks import find_benchmark
    from swift_deepeyes.evaluation.config import Config, Sampling
    from swift_deepeyes.evaluation.endpoint import Endpoint
    from swift_deepeyes.evaluation.evaluate import Sources
    from swift_deepeyes.evaluation.names import ToolMode
    from swift_deepeyes.evaluation.prompts import read_system_prompt, tool_system_prompt
    from swift_deepeyes.evaluation.served_model import Stated

    if samples > 1 and temperature == 0:
        raise typer.BadParameter("--samples above 1 need a --temperature above 0.")
    modes = tuple(ToolMode) if tool is ToolChoice.BOTH else (ToolMode(tool),)
    every = rotations is RotationChoice.ALL or (
        rotations is RotationChoice.AUTO and find_benchmark(benchmark).is_rotated
    )
    for library in _CHATTY:
        logging.getLogger(library).setLevel(logging.WARNING)
    with _in_one_line(out):
        system = read_system_prompt(system_prompt) if system_prompt else tool_system_prompt()
        config = Config(
            benchmark=benchmark,
            tools=modes,
            all_rotations=every,
            samples=samples,
            shuffle_seed=seed if shuffle else None,
            seed=seed,
            sampling=Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens),
            max_turns=max_turns,
            system_prompt=system,
        )
        stated = Stated(
            family=family,
            checkpoint=checkpoint,
            min_pixels=min_pixels,
            max_pixels=max_pixels,
            max_context=max_context,
        )
        endpoint = Endpoint(base_url, api_key=api_key, timeout_seconds=timeout, retries=retries)
        sources = Sources(data=data, images=images, limit=limit)
        _run_and_show(config, sources, endpoint, stated, model, out, concurrency)


@contextmanager
def _in_one_line(out: Path) -> Iterator[None]:
    """Errors of the disk, and Ctrl-C, end the command with a sentence and an exit code."""
    try:
        yield
    except OSError as error:
        raise DeepEyesError(str(error)) from error
    except BaseExceptionGroup as group:
        of_disk = group.subgroup(OSError)
        if of_disk is None:
            raise
        typer.secho(f"{_leaf(of_disk)}. {_CONTINUES.format(out=out)}", fg="red", err=True)
        raise typer.Exit(INCOMPLETE) from None
    except KeyboardInterrupt:
        typer.echo(f"Stopped. {_CONTINUES.format(out=out)}", err=True)
        raise typer.Exit(INCOMPLETE) from None


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _run_and_show(
    config: Config,
    sources: Sources,
    endpoint: Endpoint,
    stated: Stated,
    model: str | None,
    out: Path,
    concurrency: int,
) -> None:
    from rich.console import Console

    console = Console()
    report = asyncio.run(
        _evaluate(console, config, sources, endpoint, stated, model, out, concurrency)
    )
    _show(console, report, out)
    if not report.is_complete:
        raise typer.Exit(INCOMPLETE)


async def _evaluate(
    console: Console,
    config: Config,
    sources: Sources,
    endpoint: Endpoint,
    stated: Stated,
    model: str | None,
    out: Path,
    concurrency: int,
) -> Report:
    """Run with a progress bar."""
    from swift_deepeyes.cli.progress import ConsoleProgress
    from swift_deepeyes.evaluation.evaluate import evaluate as run
    from swift_deepeyes.settings import read_settings

    with ConsoleProgress(console) as progress:
        async with endpoint:
            return await run(
                config,
                sources,
                read_settings(),
                endpoint,
                model=model,
                stated=stated,
                out=out,
                concurrency=concurrency,
                progress=progress,
            )


def _show(console: Console, report: Report, out: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    from swift_deepeyes.evaluation.reporting.report import REPORT_MARKDOWN, probed

    model = report.model
    facts = [
        f"{model.name}: {model.how}; boxes in {model.frame}; options: {report.options}.",
        f"Image tokens as the server counts them: {probed(report.pixels)}.",
    ]
    console.print(escape("\n".join(facts)))
    for table in report.tables:
        shown = Table(title=escape(table.title), title_justify="left")
        for column in table.columns:
            shown.add_column(escape(column))
        for row in table.rows:
            shown.add_row(*map(escape, row))
        console.print(shown)
    for remark in report.remarks:
        console.print(escape(remark), style="bold red")
    console.print(escape(f"Report: {out / REPORT_MARKDOWN}"))

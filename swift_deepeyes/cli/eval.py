"""`swift-deepeyes eval`: the options of an evaluation, and how it ends.

Everything heavy is imported when the command runs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperArgument

from swift_deepeyes.cli.command import INTERRUPTED, option
from swift_deepeyes.cli.plugin_files import PluginCommand, plugin_files_option
from swift_deepeyes.evaluation.names import Family, Thinking

INCOMPLETE = 1
"""Exit code: something was not run or judged."""

NEEDED, SERVER, ASKED = "Needed", "Server", "What is asked"
SAMPLING, MODEL = "Sampling", "The model, as it was trained"
FOUND = "found out"

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


class EvalCommand(PluginCommand):
    """Lists the benchmarks in its help, which are only imported for it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help page."""
        from swift_deepeyes.evaluation.benchmarks import all_benchmarks

        for parameter in self.params:
            if isinstance(parameter, TyperArgument):
                parameter.help = f"What to ask: {', '.join(all_benchmarks())}."
        super().format_help(ctx, formatter)


def evaluate(
    benchmark: Annotated[str, typer.Argument(help="What to ask.", metavar="BENCHMARK")],
    data: Annotated[Path, option(NEEDED, "The benchmark's file or folder, as downloaded.", "PATH")],
    out: Annotated[
        Path, option(NEEDED, "For trajectories and report; the same command continues.", "DIR")
    ],
    base_url: Annotated[str, option(NEEDED, "The server: http://host:port/v1.", "URL")],
    model: Annotated[
        str | None, option(SERVER, "Its name there.", "NAME", show_default="the only one")
    ] = None,
    api_key: Annotated[
        str, option(SERVER, "Where the server wants one.", "KEY", envvar="OPENAI_API_KEY")
    ] = "EMPTY",
    concurrency: Annotated[int, option(SERVER, "Trajectories in flight.", min=1)] = 16,
    retries: Annotated[int, option(SERVER, "Of each call.", min=0)] = 5,
    timeout: Annotated[float, option(SERVER, "Seconds for a call.", min=0.1)] = 600.0,
    images: Annotated[
        Path | None, option(ASKED, "Folder of the images, if they lie elsewhere.", "DIR")
    ] = None,
    limit: Annotated[int | None, option(ASKED, "Only the first N questions.", min=1)] = None,
    tool: Annotated[
        ToolChoice, option(ASKED, "With the zoom tool: on, off or both.", "MODE")
    ] = ToolChoice.ON,
    toolbox: Annotated[
        str, option(ASKED, "Whose tools questions have; rows of parquet name theirs.", "NAME")
    ] = "visual_toolbox_v2",
    external_plugins: Annotated[list[Path] | None, plugin_files_option(ASKED)] = None,
    rotations: Annotated[
        RotationChoice,
        option(ASKED, "Orders of the options: auto (as the benchmark says), one, all.", "MODE"),
    ] = RotationChoice.AUTO,
    shuffle: Annotated[
        bool, option(ASKED, "Options in a drawn order, or in the file's.", None)
    ] = True,
    system_prompt: Annotated[
        Path | None,
        option(
            ASKED,
            "A text file, or a training parquet: its first row's.",
            "FILE",
            show_default="one that announces the tools",
        ),
    ] = None,
    max_turns: Annotated[int, option(ASKED, "Turns at most.", min=1)] = 6,
    samples: Annotated[int, option(SAMPLING, "Answers to each question: avg@k.", min=1)] = 1,
    seed: Annotated[int, option(SAMPLING, "Of the options' order and of sampling.")] = 0,
    temperature: Annotated[float, option(SAMPLING, "0 is greedy.", min=0)] = 0.0,
    top_p: Annotated[float, option(SAMPLING, "Nucleus sampling.", min=0.01, max=1)] = 1.0,
    max_tokens: Annotated[int, option(SAMPLING, "Tokens of a turn.", min=1)] = 10_240,
    checkpoint: Annotated[
        Path | None, option(MODEL, "Folder of its files, which tells the rest.", "DIR")
    ] = None,
    family: Annotated[
        Family | None, option(MODEL, f"One of {', '.join(Family)}.", "NAME", show_default=FOUND)
    ] = None,
    thinking: Annotated[
        Thinking | None,
        option(
            MODEL,
            "Turns begin inside a thought: on or off.",
            "MODE",
            show_default="as the server has it",
        ),
    ] = None,
    min_pixels: Annotated[
        int | None,
        option(MODEL, "Of an image, as the server has it.", min=1, show_default=FOUND),
    ] = None,
    max_pixels: Annotated[
        int | None,
        option(MODEL, "Of an image: MAX_PIXELS of the run.", min=1, show_default=FOUND),
    ] = None,
    max_context: Annotated[
        int | None, option(MODEL, "Tokens of its context.", min=1, show_default=FOUND)
    ] = None,
    check_tokens: Annotated[
        bool, option(MODEL, "Stop where the server counts other image tokens.", None)
    ] = True,
) -> None:
    """Ask a benchmark of a served model, with the tool and the limits that it was trained with.

    For measuring a checkpoint: serve it (vLLM, SGLang, `swift deploy`), then
    run this. Open questions are judged as in training: DEEPEYES_JUDGE and its
    companions.
    """
    from swift_deepeyes.cli.tables.eval import run_on_console
    from swift_deepeyes.evaluation.benchmarks import find_benchmark
    from swift_deepeyes.evaluation.config import Config, Sampling
    from swift_deepeyes.evaluation.endpoint import Endpoint
    from swift_deepeyes.evaluation.evaluate import Sources
    from swift_deepeyes.evaluation.names import ToolMode
    from swift_deepeyes.evaluation.question_tools import named_toolbox
    from swift_deepeyes.evaluation.served_model import Stated
    from swift_deepeyes.tools.plugins import load_entry_points, load_plugin_files
    from swift_deepeyes.tools.prompt import read_system_prompt, tool_system_prompt

    if samples > 1 and temperature == 0:
        raise typer.BadParameter("--samples above 1 need a --temperature above 0.")
    if images is not None and not images.is_dir():
        raise typer.BadParameter(f"{images} is no folder.", param_hint="'--images'")
    modes = tuple(ToolMode) if tool is ToolChoice.BOTH else (ToolMode(tool),)
    every = rotations is RotationChoice.ALL or (
        rotations is RotationChoice.AUTO and find_benchmark(benchmark).is_rotated
    )
    for library in _CHATTY:
        logging.getLogger(library).setLevel(logging.WARNING)
    with _in_one_line(out):
        load_entry_points()
        loaded = load_plugin_files(external_plugins or ())
        tools = named_toolbox(toolbox)
        system = read_system_prompt(system_prompt) if system_prompt else tool_system_prompt(tools)
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
            toolbox=toolbox,
            thinking=thinking,
        )
        stated = Stated(
            family=family,
            checkpoint=checkpoint,
            min_pixels=min_pixels,
            max_pixels=max_pixels,
            max_context=max_context,
        )
        endpoint = Endpoint(base_url, api_key=api_key, timeout_seconds=timeout, retries=retries)
        sources = Sources(data=data, images=images, limit=limit, toolboxes=loaded)
        report = run_on_console(
            config, sources, endpoint, stated, model, out, concurrency, check_tokens
        )
    if not report.is_complete:
        raise typer.Exit(INCOMPLETE)


@contextmanager
def _in_one_line(out: Path) -> Iterator[None]:
    """A full disk, and Ctrl-C, end the command with a word on how to go on."""
    try:
        yield
    except BaseExceptionGroup as group:
        of_disk = group.subgroup(OSError)
        if of_disk is None:
            raise
        typer.secho(f"{_leaf(of_disk)}. {_CONTINUES.format(out=out)}", fg="red", err=True)
        raise typer.Exit(INCOMPLETE) from None
    except KeyboardInterrupt:
        typer.echo(f"Stopped by Ctrl-C. {_CONTINUES.format(out=out)}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

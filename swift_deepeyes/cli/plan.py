"""`swift-deepeyes plan`: reads its options and shows the arithmetic.

Part of the command line (cli.py only registers it), so it prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from typer import Option

from swift_deepeyes.planning.models import ModelError, read_model
from swift_deepeyes.planning.setup import GPUS, Mode, Setup, Tuning

PAPER = Setup()
LENGTHS, JUDGE = PAPER.lengths, PAPER.judge
BILLION = 1e9
# Options with a shorter name than the field of `Setup` or `Lengths` that they set.
FIELDS = {
    "offload": "is_offloaded",
    "waiting": "micro_steps_per_generation",
    "rollout_memory": "rollout_memory_share",
    "turns": "mean_turns",
    "turn_tokens": "mean_turn_tokens",
    "crop_rate": "mean_crop_rate",
    "crop_share": "mean_crop_share",
    "max_prompt": "max_prompt_tokens",
    "max_response": "max_response_tokens",
    "judge_params": "judge_parameters",
}


def plan(
    model: Annotated[str, Option(help="3b, 7b, 32b, 72b, qwen3-8b or a checkpoint folder.")] = "7b",
    gpus: Annotated[int, Option(help="Of the run, without the judge's.")] = PAPER.gpus,
    gpu: Annotated[str, Option(help=f"{', '.join(GPUS)}.")] = "h100",
    colocate: Annotated[bool, Option(help="Generate on the GPUs that train.")] = False,
    lora: Annotated[bool, Option(help="Train adapters only.")] = False,
    offload: Annotated[bool, Option(help="As DeepSpeed's zero3_offload.")] = False,
    waiting: Annotated[int, Option(help="Waiting, per GPU.")] = PAPER.micro_steps_per_generation,
    rollout_gpus: Annotated[int | None, Option(help="Default: a quarter.")] = None,
    tensor_parallel: Annotated[int | None, Option(help="GPUs per engine.")] = None,
    rollout_memory: Annotated[float, Option(help="vLLM's share.")] = PAPER.rollout_memory_share,
    prompts: Annotated[int, Option(help="Per step.")] = PAPER.prompts,
    generations: Annotated[int, Option(help="Per prompt.")] = PAPER.generations,
    rows: Annotated[int, Option(help="Of the data; default: all 47k.")] = PAPER.rows,
    steps: Annotated[int, Option(help="Of the run.")] = PAPER.steps,
    turns: Annotated[float, Option(help="Mean turns of a trajectory.")] = LENGTHS.mean_turns,
    turn_tokens: Annotated[int, Option(help="Mean of a turn.")] = LENGTHS.mean_turn_tokens,
    crop_rate: Annotated[float, Option(help="Per turn but the last.")] = LENGTHS.mean_crop_rate,
    crop_share: Annotated[float, Option(help="Of the image's tokens.")] = LENGTHS.mean_crop_share,
    max_pixels: Annotated[int, Option(help="As MAX_PIXELS.")] = LENGTHS.max_pixels,
    max_prompt: Annotated[int, Option(help="Tokens.")] = LENGTHS.max_prompt_tokens,
    max_response: Annotated[int, Option(help="Tokens, all turns.")] = LENGTHS.max_response_tokens,
    judge_params: Annotated[float, Option(help="Billions.")] = JUDGE.parameters / BILLION,
    judge_gpus: Annotated[int, Option(help="Of one judge replica.")] = JUDGE.gpus,
    log: Annotated[Path | None, Option(help="DEEPEYES_LOG_DIR of a run: measured too.")] = None,
) -> None:
    """Print the arithmetic of a run: tokens, memory, time, and what the judge must bear."""
    options = locals()
    from rich.console import Console

    from swift_deepeyes.cli.plan_tables import render, render_measured
    from swift_deepeyes.planning.measured import NothingMeasuredError, compare, read_measured
    from swift_deepeyes.planning.plan import make_plan

    console = Console()
    try:
        setup = _setup(options)
        for block in render(setup, make_plan(setup)):
            console.print(block)
        if log is not None:
            measured = read_measured(log, setup)
            for block in render_measured(setup, measured, compare(setup, measured)):
                console.print(block)
    except (ModelError, NothingMeasuredError, typer.BadParameter) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(1) from None


def _setup(options: Mapping[str, Any]) -> Setup:
    """The setup of these options. Raises `ModelError`, and `BadParameter` for other values."""
    if options["gpu"] not in GPUS:
        raise typer.BadParameter(f"{options['gpu']!r} is not known; one of {', '.join(GPUS)}")
    values = {FIELDS.get(name, name): value for name, value in options.items()} | {
        "model": read_model(options["model"]),
        "gpu": GPUS[options["gpu"]],
        "mode": Mode.COLOCATE if options["colocate"] else Mode.SERVER,
        "tuning": Tuning.LORA if options["lora"] else Tuning.FULL,
        "judge": {"parameters": options["judge_params"] * BILLION, "gpus": options["judge_gpus"]},
    }
    try:
        return Setup.model_validate(values | {"lengths": values})
    except ValidationError as error:
        raise typer.BadParameter("; ".join(map(_reason, error.errors()))) from None


def _reason(error: ErrorDetails) -> str:
    """One refusal of pydantic's, with the option that it is about."""
    field = "_".join(str(part) for part in error["loc"] if part != "lengths")
    option = {field: option for option, field in FIELDS.items()}.get(field, field)
    message = error["msg"].removeprefix("Value error, ")
    return f"--{option.replace('_', '-')}: {message}" if field else message

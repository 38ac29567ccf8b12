"""`swift-deepeyes plan`: reads its options and shows the arithmetic.

Part of the command line (cli.py only registers it), so it prints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plan(
    model: Annotated[str, typer.Option(help="3b, 7b, 32b, 72b or qwen3-8b.")] = "7b",
    gpus: Annotated[int, typer.Option(min=1, help="All of the run's, without the judge's.")] = 32,
    gpu: Annotated[str, typer.Option(help="rtx4090, l40s, a100, h20, h100 or h200.")] = "h100",
    colocate: Annotated[bool, typer.Option(help="Generate on the GPUs that train.")] = False,
    lora: Annotated[bool, typer.Option(help="Train adapters only.")] = False,
    offload: Annotated[bool, typer.Option(help="As DeepSpeed's zero3_offload.")] = False,
    waiting: Annotated[int, typer.Option(min=1, help="Trajectories kept on a GPU.")] = 64,
    rollout_gpus: Annotated[int | None, typer.Option(min=1, help="Default: a quarter.")] = None,
    tensor_parallel: Annotated[int | None, typer.Option(min=1, help="GPUs per engine.")] = None,
    rollout_memory: Annotated[float, typer.Option(max=1, help="vLLM's share of a GPU.")] = 0.85,
    prompts: Annotated[int, typer.Option(min=1, help="Per step.")] = 256,
    generations: Annotated[int, typer.Option(min=2, help="Per prompt.")] = 16,
    rows: Annotated[int, typer.Option(min=1, help="Of the data; default: all 47k.")] = 47_052,
    steps: Annotated[int, typer.Option(min=1, help="Of the run.")] = 80,
    turns: Annotated[float, typer.Option(min=1, help="Mean turns of a trajectory.")] = 2.5,
    turn_tokens: Annotated[int, typer.Option(min=1, help="Mean tokens of a turn.")] = 250,
    crop_rate: Annotated[float, typer.Option(min=0, help="Crops per turn but the last.")] = 1,
    crop_share: Annotated[float, typer.Option(help="A crop's tokens by the image's.")] = 0.25,
    max_pixels: Annotated[int, typer.Option(min=1024, help="As MAX_PIXELS.")] = 2_007_040,
    max_prompt: Annotated[int, typer.Option(min=1, help="Tokens.")] = 8192,
    max_response: Annotated[int, typer.Option(min=1, help="Tokens, all turns.")] = 20_480,
    judge_params: Annotated[float, typer.Option(min=0.1, help="Of the judge, billions.")] = 72.7,
    judge_gpus: Annotated[int, typer.Option(min=1, help="Of one judge replica.")] = 8,
    log: Annotated[
        Path | None, typer.Option(help="A run's DEEPEYES_LOG_DIR: measured beside planned.")
    ] = None,
) -> None:
    """Print the arithmetic of a run: tokens, memory, time, and what the judge must bear."""
    from pydantic import ValidationError
    from rich.console import Console

    from swift_deepeyes.planning.gpus import GPUS
    from swift_deepeyes.planning.measured import NothingMeasured, compare, read_measured
    from swift_deepeyes.planning.models import MODELS
    from swift_deepeyes.planning.plan import make_plan
    from swift_deepeyes.planning.setup import JudgeSetup, Lengths, Mode, Setup, Tuning
    from swift_deepeyes.planning.view import render, render_measured

    for value, known in ((model, MODELS), (gpu, GPUS)):
        if value not in known:
            raise _refused(f"{value!r} is not known; one of {', '.join(known)}")
    try:
        setup = Setup(
            model=MODELS[model],
            gpu=GPUS[gpu],
            gpus=gpus,
            mode=Mode.COLOCATE if colocate else Mode.SERVER,
            tuning=Tuning.LORA if lora else Tuning.FULL,
            is_offloaded=offload,
            micro_steps_per_generation=waiting,
            rollout_gpus=rollout_gpus,
            tensor_parallel=tensor_parallel,
            rollout_memory_share=rollout_memory,
            prompts=prompts,
            generations=generations,
            rows=rows,
            steps=steps,
            lengths=Lengths(
                max_pixels=max_pixels,
                max_prompt_tokens=max_prompt,
                max_response_tokens=max_response,
                mean_turns=turns,
                mean_turn_tokens=turn_tokens,
                mean_crop_rate=crop_rate,
                mean_crop_share=crop_share,
            ),
            judge=JudgeSetup(parameters=judge_params * 1e9, gpus=judge_gpus),
        )
    except ValidationError as error:
        raise _refused("; ".join(item["msg"] for item in error.errors())) from None
    console = Console()
    for block in render(setup, make_plan(setup)):
        console.print(block)
    if log is not None:
        try:
            measured = read_measured(log, setup)
        except NothingMeasured as error:
            raise _refused(str(error)) from None
        for block in render_measured(setup, measured, compare(setup, measured)):
            console.print(block)


def _refused(message: str) -> typer.Exit:
    """Say what is wrong, and end with status 1."""
    typer.secho(f"error: {message.removeprefix('Value error, ')}", fg="red", err=True)
    return typer.Exit(1)

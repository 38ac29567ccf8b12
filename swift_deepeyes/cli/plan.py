"""`swift-deepeyes plan`: reads its options and shows the arithmetic.

Part of the command line (cli.py only registers it), so it prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from swift_deepeyes.errors import DeepEyesError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from swift_deepeyes.planning.setup import Setup

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


class _Paper:
    """The paper's value of an option, read when it is asked for: `--help` stays quick."""

    def __init__(self, path: str, scale: float = 1) -> None:
        self._path, self._scale = path, scale

    def __call__(self) -> Any:
        """The value."""
        from swift_deepeyes.planning.setup import Setup

        value = attrgetter(self._path)(Setup())
        return value if self._scale == 1 else value * self._scale

    def __str__(self) -> str:
        """As `plan --help` shows it."""
        return str(self())


def _paper(text: str, path: str, scale: float = 1) -> Any:
    return Option(help=text, default_factory=_Paper(path, scale))


def plan(
    *,
    model: Annotated[str, Option(help="3b, 7b, 32b, 72b, qwen3-8b or a checkpoint folder.")] = "7b",
    gpus: Annotated[int, _paper("Of the run, without the judge's.", "gpus")],
    gpu: Annotated[str, Option(help="rtx4090, l40s, a100, h20, h100 or h200.")] = "h100",
    colocate: Annotated[bool, Option(help="Generate on the GPUs that train.")] = False,
    lora: Annotated[bool, Option(help="Train adapters only.")] = False,
    offload: Annotated[bool, Option(help="As DeepSpeed's zero3_offload.")] = False,
    waiting: Annotated[int, _paper("Waiting, per GPU.", "micro_steps_per_generation")],
    rollout_gpus: Annotated[int | None, Option(help="Default: a quarter.")] = None,
    tensor_parallel: Annotated[int | None, Option(help="GPUs per engine.")] = None,
    rollout_memory: Annotated[float, _paper("vLLM's share.", "rollout_memory_share")],
    prompts: Annotated[int, _paper("Per step.", "prompts")],
    generations: Annotated[int, _paper("Per prompt.", "generations")],
    rows: Annotated[int, _paper("Of the data; default: all 47k.", "rows")],
    steps: Annotated[int, _paper("Of the run.", "steps")],
    turns: Annotated[
        float,
        _paper("Mean turns of a trajectory.", "lengths.mean_turns"),
    ],
    turn_tokens: Annotated[int, _paper("Mean of a turn.", "lengths.mean_turn_tokens")],
    crop_rate: Annotated[
        float,
        _paper("Per turn but the last.", "lengths.mean_crop_rate"),
    ],
    crop_share: Annotated[
        float,
        _paper("Of the image's tokens.", "lengths.mean_crop_share"),
    ],
    max_pixels: Annotated[int, _paper("As MAX_PIXELS.", "lengths.max_pixels")],
    max_prompt: Annotated[int, _paper("Tokens.", "lengths.max_prompt_tokens")],
    max_response: Annotated[
        int,
        _paper("Tokens, all turns.", "lengths.max_response_tokens"),
    ],
    judge_params: Annotated[float, _paper("Billions.", "judge.parameters", 1 / BILLION)],
    judge_gpus: Annotated[int, _paper("Of one judge replica.", "judge.gpus")],
    log: Annotated[Path | None, Option(help="DEEPEYES_LOG_DIR of a run: measured too.")] = None,
) -> None:
    """Print the arithmetic of a run: tokens, memory, time, and what the judge must bear."""
    options = locals()
    from rich.console import Console

    from swift_deepeyes.cli.plan_tables import render, render_measured
    from swift_deepeyes.planning.measured import compare, read_measured
    from swift_deepeyes.planning.plan import make_plan

    console = Console()
    setup = _setup(options)
    for block in render(setup, make_plan(setup)):
        console.print(block)
    if log is not None:
        measured = read_measured(log, setup)
        for block in render_measured(setup, measured, compare(setup, measured)):
            console.print(block)


def _setup(options: Mapping[str, Any]) -> Setup:
    """The setup of these options. Raises `DeepEyesError`."""
    from pydantic import ValidationError

    from swift_deepeyes.planning.models import read_model
    from swift_deepeyes.planning.setup import GPUS, Mode, Setup, Tuning

    if options["gpu"] not in GPUS:
        raise DeepEyesError(f"{options['gpu']!r} is not known; one of {', '.join(GPUS)}")
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
        raise DeepEyesError("; ".join(map(_reason, error.errors()))) from None


def _reason(error: ErrorDetails) -> str:
    """One refusal of pydantic's, with the option that it is about."""
    field = "_".join(str(part) for part in error["loc"] if part != "lengths")
    option = {field: option for option, field in FIELDS.items()}.get(field, field)
    message = error["msg"].removeprefix("Value error, ")
    return f"--{option.replace('_', '-')}: {message}" if field else message

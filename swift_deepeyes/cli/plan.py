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
RUN, SHOWN, BATCH, LENGTHS = "Run", "What is shown", "Batch", "Lengths of a trajectory"
ROLLOUT, JUDGE = "Rollout", "Judge"
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


_HUB = (
    "3b, 7b, 32b, 72b, qwen3-8b, qwen3.5-9b, a model of the hub (organisation/name), or a folder."
)


def _paper(text: str, path: str, panel: str, scale: float = 1) -> Any:
    """An option whose default is the paper's value."""
    default = _Paper(path, scale)
    return Option(help=text, default_factory=default, rich_help_panel=panel, metavar="N")


def plan(
    *,
    model: Annotated[str, Option(help=_HUB, metavar="NAME", rich_help_panel=RUN)] = "7b",
    gpus: Annotated[int, _paper("GPUs of the run; the judge's come on top.", "gpus", RUN)],
    gpu: Annotated[
        str,
        Option(help="rtx4090, l40s, a100, h20, h100 or h200.", metavar="NAME", rich_help_panel=RUN),
    ] = "h100",
    colocate: Annotated[
        bool, Option("--colocate", help="Generate on the GPUs that train.", rich_help_panel=RUN)
    ] = False,
    lora: Annotated[
        bool, Option("--lora", help="Train adapters only (rank 64).", rich_help_panel=RUN)
    ] = False,
    offload: Annotated[
        bool,
        Option(
            "--offload",
            help="Weights and Adam in main memory (zero3_offload).",
            rich_help_panel=RUN,
        ),
    ] = False,
    full: Annotated[
        bool,
        Option("--full", help="Every figure, and how it comes about.", rich_help_panel=SHOWN),
    ] = False,
    log: Annotated[
        Path | None,
        Option(
            help="A run's DEEPEYES_LOG_DIR: what was measured, beside the plan.",
            metavar="DIR",
            rich_help_panel=SHOWN,
        ),
    ] = None,
    prompts: Annotated[int, _paper("Prompts of a step.", "prompts", BATCH)],
    generations: Annotated[int, _paper("Trajectories of a prompt.", "generations", BATCH)],
    steps: Annotated[int, _paper("Steps of the run.", "steps", BATCH)],
    rows: Annotated[int, _paper("Rows of the data.", "rows", BATCH)],
    waiting: Annotated[
        int,
        _paper(
            "Trajectories that wait on a GPU to be trained on.", "micro_steps_per_generation", BATCH
        ),
    ],
    max_pixels: Annotated[
        int, _paper("Of an image, as MAX_PIXELS.", "lengths.max_pixels", LENGTHS)
    ],
    max_prompt: Annotated[
        int, _paper("Most tokens of a prompt.", "lengths.max_prompt_tokens", LENGTHS)
    ],
    max_response: Annotated[
        int, _paper("Most tokens of all turns.", "lengths.max_response_tokens", LENGTHS)
    ],
    max_turns: Annotated[int, _paper("Most turns, as MAX_TURNS.", "lengths.max_turns", LENGTHS)],
    max_turn_tokens: Annotated[
        int, _paper("Most tokens of a turn.", "lengths.max_turn_tokens", LENGTHS)
    ],
    turns: Annotated[float, _paper("Turns, on average.", "lengths.mean_turns", LENGTHS)],
    turn_tokens: Annotated[
        int, _paper("Tokens of a turn, on average.", "lengths.mean_turn_tokens", LENGTHS)
    ],
    crop_rate: Annotated[
        float, _paper("Crops of a turn, the last left out.", "lengths.mean_crop_rate", LENGTHS)
    ],
    crop_share: Annotated[
        float, _paper("A crop's tokens, by the image's.", "lengths.mean_crop_share", LENGTHS)
    ],
    rollout_gpus: Annotated[
        int | None,
        Option(
            help="GPUs that generate.",
            show_default="a quarter",
            metavar="N",
            rich_help_panel=ROLLOUT,
        ),
    ] = None,
    tensor_parallel: Annotated[
        int | None,
        Option(
            help="GPUs of one engine.",
            show_default="what the weights need",
            metavar="N",
            rich_help_panel=ROLLOUT,
        ),
    ] = None,
    rollout_memory: Annotated[
        float | None,
        Option(
            help="Share of a GPU's memory for vLLM.",
            show_default="0.85, with --colocate 0.5",
            metavar="N",
            rich_help_panel=ROLLOUT,
        ),
    ] = None,
    judge_params: Annotated[
        float, _paper("Its size in billions.", "judge.parameters", JUDGE, 1 / BILLION)
    ],
    judge_gpus: Annotated[int, _paper("GPUs of one replica of it.", "judge.gpus", JUDGE)],
) -> None:
    """Say before a run whether it fits, how long it takes, and what the judge must bear.

    For whoever is about to ask for GPUs: calibrated on one measured run, by
    arithmetic where nothing was measured. The defaults are the paper's run.
    """
    options = locals()
    from rich.console import Console

    from swift_deepeyes.cli.tables.plan import render, render_measured, render_summary
    from swift_deepeyes.planning.measured import compare, read_measured
    from swift_deepeyes.planning.plan import make_plan
    from swift_deepeyes.planning.summary import summarise

    console = Console()
    setup = setup_of(options)
    measured = None if log is None else read_measured(log, setup)
    for block in render_summary(summarise(setup)):
        console.print(block)
    if full:
        for block in render(setup, make_plan(setup)):
            console.print(block)
    if measured is not None:
        for block in render_measured(setup, measured, compare(setup, measured)):
            console.print(block)


def setup_of(options: Mapping[str, Any]) -> Setup:
    """The setup of the command's options by their names in Python. Raises `DeepEyesError`."""
    from pydantic import ValidationError

    from swift_deepeyes.planning.gpus import GPUS
    from swift_deepeyes.planning.models import read_model
    from swift_deepeyes.planning.setup import Mode, Setup, Tuning

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

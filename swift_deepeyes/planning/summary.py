"""The plan in six lines: does it fit, step, run, GPU-hours, judge, and what to lower."""

from __future__ import annotations

import math
from collections.abc import Iterator

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.planning import memory, times
from swift_deepeyes.planning.calibration import GB
from swift_deepeyes.planning.fit import Misfit, changed_setup, misfits, remedies
from swift_deepeyes.planning.plan import remarks
from swift_deepeyes.planning.quantities import HOUR, duration_text
from swift_deepeyes.planning.setup import Mode, Setup, Tuning

MOST_REMEDIES = 4
AS_MEASURED = (
    "Calibrated on one run of this kind (3B, LoRA, one H200): it gives that run's memory within "
    "10 %, its step within 25 %. Another card's speed is its data sheet's. --full shows every "
    "figure and what it rests on."
)
NEVER_RUN = (
    "Arithmetic with constants of the one measured run (3B, LoRA, one H200): several GPUs, "
    "DeepSpeed, servers and full tuning were never measured. --full shows every figure and what "
    "it rests on."
)


class Line(FrozenModel):
    """One line: what it is about, and what is said."""

    about: str
    text: str


class Summary(FrozenModel):
    """What a user wants to know first. `warnings`: what is known to go wrong though it fits.

    `caution`: how far the figures can be trusted.
    """

    title: str
    fits: bool
    lines: tuple[Line, ...]
    warnings: tuple[str, ...]
    caution: str


def summarise(setup: Setup) -> Summary:
    """The six lines of one run."""
    found = list(misfits(setup))
    seconds = times.step_seconds(setup, setup.mean_tokens)
    hours = setup.steps * seconds.total / HOUR
    parts = {
        "fits": _misfits_text(found) or _room(setup),
        "step": f"about {duration_text(seconds.total)}: {_parts(seconds)}",
        "run": f"about {duration_text(setup.steps * seconds.total)} for {setup.steps} steps of "
        f"{setup.prompts} x {setup.generations} trajectories",
        "GPU-hours": f"about {math.ceil(setup.gpus * hours):,}, without the judge's",
        "judge": _judge(setup, seconds.total),
        "to lower": _to_lower(setup, seconds.total, fits=not found),
    }
    return Summary(
        title=_title(setup),
        fits=not found,
        lines=tuple(Line(about=about, text=text) for about, text in parts.items()),
        warnings=tuple(remarks(setup)),
        caution=AS_MEASURED if setup.is_as_measured else NEVER_RUN,
    )


def _parts(seconds: times.StepSeconds) -> str:
    """Where a step's time goes; preparing is encoding and the old log-probabilities."""
    generating = seconds.generating + seconds.switching
    training = seconds.training + seconds.exchanging
    return (
        f"generating {duration_text(generating)}, preparing "
        f"{duration_text(seconds.encoding + seconds.old_logps)}, training {duration_text(training)}"
    )


def _title(setup: Setup) -> str:
    tuning = "LoRA" if setup.tuning is Tuning.LORA else "all weights"
    who = f"{setup.gpus} GPUs train and generate" if setup.gpus > 1 else "1 GPU for all"
    if setup.mode is Mode.SERVER:
        who = f"{setup.training_gpus} GPUs train, {setup.generating_gpus} generate"
    return f"{setup.model.name}, {tuning}: {who} ({setup.gpu.name})"


def _misfits_text(found: list[Misfit]) -> str:
    told = "; ".join(f"{misfit.what}: {misfit.size}" for misfit in found)
    return f"NO. {told}" if told else ""


def _room(setup: Setup) -> str:
    """How full it is where everything fits."""
    longest = memory.training_memory(setup, setup.longest_tokens).total / GB
    cached = memory.rollouts_that_fit(setup, setup.mean_tokens.total)
    return (
        f"yes. Training needs up to {longest:.0f} of {setup.gpu.memory_bytes / GB:.0f} GB; KV "
        f"cache for {cached:,} trajectories"
    )


def _judge(setup: Setup, step_seconds: float) -> str:
    judge = setup.judge
    load = times.judge_load(setup.trajectories, step_seconds, judge, setup.gpu)
    replicas = "1 replica" if load.replicas == 1 else f"{load.replicas:,} replicas"
    verb = "adds" if load.replicas == 1 else "add"
    return (
        f"{load.questions:,} questions a step: {replicas} of {judge.parameters / 1e9:.0f} B on "
        f"{judge.gpus} GPUs {verb} less than {times.JUDGE_STEP_SHARE:.0%}"
    )


def _to_lower(setup: Setup, step_seconds: float, *, fits: bool) -> str:
    if not fits:
        enough = remedies(setup)[:MOST_REMEDIES]
        if enough:
            return "one of these is enough: " + ", ".join(enough)
        return "no two options are enough: take another GPU, or a smaller model"
    shorter = " or ".join(_shorter(setup, step_seconds))
    return "nothing; a shorter step: " + shorter if shorter else "nothing"


def _shorter(setup: Setup, step_seconds: float) -> Iterator[str]:
    """Options that shorten a step, with what it then takes."""
    prompts = setup.prompts // 2
    for text, change in (
        (f"--prompts {prompts}", {"prompts": prompts}),
        (f"--gpus {2 * setup.gpus}", {"gpus": 2 * setup.gpus}),
    ):
        changed = changed_setup(setup, dict(change))
        if changed is not None:
            total = times.step_seconds(changed, changed.mean_tokens).total
            if total < step_seconds:
                yield f"{text} ({duration_text(total)})"

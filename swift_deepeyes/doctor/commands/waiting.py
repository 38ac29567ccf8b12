"""How long the ranks of a trainer wait for its rollout servers, and who loses patience.

In server mode one rank asks for all, and the others wait for it in a collective of NCCL. Two clocks
run then: `--ddp_timeout`, ms-swift's 208 days or what our scripts set, and the ten minutes of
NCCL's watchdog for groups that were made without a timeout; DeepSpeed's default is ten minutes too.
A run that waited longer than ten was ended by the watchdog (ms-swift #10065, open, seen with
DeepSpeed 0.19). What is waited for is one request to the servers: a generation, not the update.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from pydantic import ValidationError

from swift_deepeyes.doctor.commands.batch import Batch, read_batch
from swift_deepeyes.doctor.commands.command import Command, Role
from swift_deepeyes.doctor.finding import Finding, failed, ok, skipped, warning
from swift_deepeyes.doctor.hardware import InstalledGpu
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.planning.gpus import GPUS
from swift_deepeyes.planning.hub import ModelError
from swift_deepeyes.planning.models import read_model
from swift_deepeyes.planning.quantities import duration_text
from swift_deepeyes.planning.setup import Lengths, Mode, Setup
from swift_deepeyes.planning.times import step_seconds
from swift_deepeyes.record.reader import read_metrics

CHECK = "generation time"
WATCHDOG_SECONDS = 600.0
CAUTION = 2.0
"""No run against servers was measured."""
STEP_TIME = "step_time"
_PART = 0.5  # of the watchdog's time: what a proposed generation takes at most


class Wait(FrozenModel):
    """How long one generation takes, in seconds, and where that comes from."""

    seconds: float
    source: str
    caution: float = 1.0  # by which factor it may be longer


def check_waiting(
    commands: Sequence[Command], gpus: Sequence[InstalledGpu], log: Path | None
) -> list[Finding]:
    """For each trainer of several ranks that asks servers: by its log, else by the plan."""
    servers = [one for one in commands if one.role is Role.ROLLOUT]
    findings = []
    for trainer in commands:
        if not trainer.is_server_mode or trainer.is_megatron:
            continue
        batch = read_batch(trainer)
        if batch.ranks < 2:  # nobody waits for anybody
            continue
        wait = None if log is None else measured(log, batch)
        try:
            wait = wait or planned(trainer, servers, batch, gpus)
        except (ModelError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            findings.append(skipped(CHECK, f"pass --log DIR of a run like it (no plan: {reason})"))
            continue
        findings += _judged(trainer, batch, wait)
    return findings


def measured(log: Path, batch: Batch) -> Wait | None:
    """By the steps of a log: a generation takes at most its part of one. None: no such lines."""
    seconds = [
        line.values[STEP_TIME] for line in read_metrics(log).items if STEP_TIME in line.values
    ]
    if not seconds:
        return None
    source = f"steps took {duration_text(fmean(seconds))} in {log}"
    return Wait(seconds=fmean(seconds) / batch.requests, source=source)


def planned(
    trainer: Command, servers: Sequence[Command], batch: Batch, gpus: Sequence[InstalledGpu]
) -> Wait:
    """By the plan, for one generation. Raises `ModelError` and pydantic's `ValidationError`."""
    generating = sum(map(_gpus_of, servers)) * max(1, _hosts(trainer) // max(1, len(servers)))
    gpu = _gpu_name(gpus)
    setup = Setup(
        model=read_model(trainer.text("model")),
        gpu=GPUS[gpu],
        mode=Mode.SERVER,
        gpus=batch.ranks + (generating or batch.ranks),
        rollout_gpus=generating or batch.ranks,
        tensor_parallel=_tensor_parallel(servers),
        prompts=max(1, batch.at_once // batch.generations),
        generations=max(2, batch.generations),
        micro_steps_per_generation=batch.at_once,  # all of them in one generation
        lengths=_lengths(trainer),
    )
    seconds = step_seconds(setup, setup.mean_tokens)
    source = f"the plan, {setup.generating_gpus} {gpu} generate"
    if not generating:
        source += ", as many as train: pass the command of swift rollout too"
    return Wait(seconds=seconds.generating, source=source, caution=CAUTION)


def _gpus_of(server: Command) -> int:
    sizes = (server.number(f"vllm_{kind}_parallel_size") or 1 for kind in ("data", "tensor"))
    return int(next(sizes) * next(sizes))


def _tensor_parallel(servers: Sequence[Command]) -> int | None:
    return int(servers[0].number("vllm_tensor_parallel_size") or 1) if servers else None


def _hosts(trainer: Command) -> int:
    return max(1, len(trainer.flags.get("vllm_server_host", ())))


def _gpu_name(gpus: Sequence[InstalledGpu]) -> str:
    """The kind of GPU here, where the plan knows it; else an H100."""
    model = gpus[0].name.lower().replace(" ", "") if gpus else ""
    return next((name for name in reversed(GPUS) if name in model), "h100")


def _lengths(trainer: Command) -> Lengths:
    lengths = Lengths()
    pixels = trainer.variable("MAX_PIXELS")
    return lengths.model_copy(update={"max_pixels": int(pixels)} if pixels.isdigit() else {})


def _judged(trainer: Command, batch: Batch, wait: Wait) -> Iterator[Finding]:
    longest = wait.seconds * wait.caution
    told = (
        f"{batch.at_once:,} trajectories at once take {duration_text(wait.seconds)} ({wait.source})"
    )
    patience = trainer.number("ddp_timeout")
    if patience is not None and wait.seconds > patience:
        text = f"{told}, and --ddp_timeout ends the ranks that wait after {patience:.0f} s"
        yield failed(CHECK, text, f"--ddp_timeout {4 * wait.seconds:.0f}; {_smaller(batch, wait)}")
    elif longest <= WATCHDOG_SECONDS:
        yield ok(CHECK, told)
    else:
        maybe = f"; it can be {wait.caution:g} times that" if wait.caution > 1 else ""
        text = (
            f"{told}{maybe}. Runs whose ranks waited over {duration_text(WATCHDOG_SECONDS)} were "
            "ended by NCCL's watchdog (ms-swift #10065)"
        )
        yield warning(CHECK, text, _smaller(batch, wait))


def _smaller(batch: Batch, wait: Wait) -> str:
    """What shortens the wait, the update staying what it is."""
    also = (
        "more GPUs for swift rollout; DEEPSPEED_TIMEOUT=120 (minutes) and --ddp_timeout 7200 for "
        "the timeouts that can be set"
    )
    steps = batch.smaller(_PART * WATCHDOG_SECONDS / (wait.seconds * wait.caution))
    if steps is None:
        return also
    parts = batch.steps // steps
    return (
        f"--steps_per_generation {steps} (MICRO_STEPS_PER_GENERATION={steps} for our scripts): "
        f"the same update from {parts} generations by the same weights; or {also}"
    )

"""The plan: every figure with how it comes about, and the warnings that follow from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum

from swift_deepeyes.counted import counted
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.planning import calibration, memory, times
from swift_deepeyes.planning.fit import misfits
from swift_deepeyes.planning.quantities import HOUR
from swift_deepeyes.planning.setup import Mode, Setup, Tuning, image_tokens

SMALL_JUDGE_PARAMETERS = 30e9


class Certainty(StrEnum):
    """What a figure rests on."""

    EXACT = "exact"  # settings and shapes
    MEASURED = "measured"  # read from the measured run, and taken to hold here
    CALIBRATED = "calibrated"  # a formula that gives what was measured, for a run of that kind
    ARITHMETIC = "arithmetic"  # the same formula where nothing was run, or assumed lengths


class FigureUnit(StrEnum):
    """What a figure counts."""

    NUMBER = ""
    TOKENS = "tokens"
    BYTES = "bytes"
    SECONDS = "s"
    RATE = "requests/s"
    GPU_HOURS = "GPU-hours"


class Figure(FrozenModel):
    """One line of the plan."""

    name: str
    value: float
    unit: FigureUnit
    certainty: Certainty
    how: str


class Section(FrozenModel):
    """Figures that belong together."""

    title: str
    figures: tuple[Figure, ...]


class Plan(FrozenModel):
    """All sections, and what does not fit or is known to go wrong."""

    sections: tuple[Section, ...]
    warnings: tuple[str, ...]

    def figure(self, name: str) -> Figure:
        """The figure of this name."""
        return next(f for section in self.sections for f in section.figures if f.name == name)


def make_plan(setup: Setup) -> Plan:
    """The arithmetic of one run."""
    parts = {
        "Tokens of a trajectory": _token_figures,
        "Batch": _batch_figures,
        "Rollout, per engine": _rollout_figures,
        "Training, per GPU": _training_figures,
        "Memory of a training node": _host_figures,
        "A step": _time_figures,
        "Judge": _judge_figures,
    }
    sections = (Section(title=t, figures=tuple(figures(setup))) for t, figures in parts.items())
    return Plan(sections=tuple(sections), warnings=tuple(_warnings(setup)))


def _exact(name: str, value: float, unit: FigureUnit, how: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, certainty=Certainty.EXACT, how=how)


def _measured(name: str, value: float, unit: FigureUnit, how: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, certainty=Certainty.MEASURED, how=how)


def _calibrated(setup: Setup, name: str, value: float, unit: FigureUnit, how: str) -> Figure:
    """A figure of the formulae that were held against the measured run."""
    certainty = Certainty.CALIBRATED if setup.is_as_measured else Certainty.ARITHMETIC
    return Figure(name=name, value=value, unit=unit, certainty=certainty, how=how)


def _arithmetic(name: str, value: float, unit: FigureUnit, how: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, certainty=Certainty.ARITHMETIC, how=how)


def _token_figures(setup: Setup) -> Iterator[Figure]:
    lengths, side, mean = setup.lengths, setup.model.token_side, setup.mean_tokens
    how = f"{lengths.max_pixels:,} pixels / {side}x{side}, and 2 marks"
    if not side:
        how = "the model takes no images"
    yield _exact("largest image", image_tokens(lengths.max_pixels, side), FigureUnit.TOKENS, how)
    yield _arithmetic("prompt", mean.prompt, FigureUnit.TOKENS, "text and the largest image")
    how = f"{lengths.mean_turns:g} turns x {lengths.mean_turn_tokens}"
    yield _arithmetic("model's turns", mean.of_model, FigureUnit.TOKENS, how)
    crops = f"{(lengths.mean_turns - 1) * lengths.mean_crop_rate:g} crops"
    how = f"{crops} of {lengths.mean_crop_share:.0%} of the image, and text"
    yield _arithmetic("observations", mean.observed, FigureUnit.TOKENS, how)
    yield _arithmetic("image tokens", mean.images, FigureUnit.TOKENS, "of the image and the crops")
    yield _arithmetic(
        "mean trajectory", mean.total, FigureUnit.TOKENS, "prompt, turns and observations"
    )
    prompt, response = lengths.max_prompt_tokens, lengths.max_response_tokens
    how = f"the context: prompt {prompt:,}, response {response:,}"
    yield _exact("longest trajectory", setup.longest_tokens.total, FigureUnit.TOKENS, how)


def _batch_figures(setup: Setup) -> Iterator[Figure]:
    prompts, rows = setup.prompts, setup.rows
    how = f"per step: {prompts} prompts x {setup.generations} generations"
    yield _exact("trajectories", setup.trajectories, FigureUnit.NUMBER, how)
    how = f"{rows:,} rows / {prompts} prompts"
    yield _exact("steps per epoch", math.ceil(rows / prompts), FigureUnit.NUMBER, how)
    how = f"in {counted(setup.steps, 'step')}"
    yield _exact("epochs", setup.steps * prompts / rows, FigureUnit.NUMBER, how)
    how = f"per step: {setup.micro_steps} micro-steps, {setup.waiting} trajectories waiting"
    yield _exact("generations", setup.generations_of_a_step, FigureUnit.NUMBER, how)


def _rollout_figures(setup: Setup) -> Iterator[Figure]:
    model, engines = setup.model, setup.engines
    where = "on their own GPUs" if setup.mode is Mode.SERVER else "on the trainer's GPUs"
    how = f"{counted(setup.generating_gpus, 'GPU')} {where} / {setup.engine_gpus} per engine"
    yield _exact("engines", engines, FigureUnit.NUMBER, how)
    yield _exact("weights", memory.weight_bytes(model), FigureUnit.BYTES, "parameters x 2 (bf16)")
    layers = f"{model.kv_layers} of " * (model.kv_layers < model.layers) + f"{model.layers}"
    how = f"2 x {layers} layers x {model.kv_heads} heads x {model.head_dim} x 2"
    yield _exact("KV cache per token", memory.kv_bytes_per_token(model), FigureUnit.BYTES, how)
    if model.state_bytes:
        how = "per trajectory: the other layers (linear attention), fp32"
        yield _exact("state", model.state_bytes, FigureUnit.BYTES, how)
    how = f"{setup.vllm_share:.0%} of the memory, less the weights"
    if margin := memory.engine_margin(setup):
        how += f" and {margin / 1e9:.0f} GB (assumed)"
    kept = memory.kv_cache_bytes(setup)
    yield _calibrated(setup, "KV cache", kept, FigureUnit.BYTES, how)
    how = "per GPU: vLLM's share, what it holds beyond, CUDA, the last pixels"
    held = memory.generating_memory(setup)
    yield _calibrated(setup, "while generating", held, FigureUnit.BYTES, how)
    fit = memory.rollouts_that_fit(setup, setup.mean_tokens.total)
    each = setup.waiting * setup.training_gpus / engines
    how = f"of {each:g} per generation and engine; prompts not shared"
    yield _arithmetic("mean rollouts that fit", fit, FigureUnit.NUMBER, how)
    fit = memory.rollouts_that_fit(setup, setup.longest_tokens.total)
    how = "with every trajectory at its limit"
    yield _arithmetic("longest rollouts that fit", fit, FigureUnit.NUMBER, how)


def _training_figures(setup: Setup) -> Iterator[Figure]:
    mean = memory.training_memory(setup, setup.mean_tokens)
    longest = memory.training_memory(setup, setup.longest_tokens)
    of_states = "gradients; the rest is offloaded" if setup.is_offloaded else "weights, grads, Adam"
    each, why = calibration.PLAIN_LOGIT_BYTES, "fp32 outputs without DeepSpeed"
    if setup.has_deepspeed:
        each, why = calibration.LOGIT_BYTES, "bf16 outputs; not measured"
    vision = "and of the vision tower's" * (setup.tuning is Tuning.FULL)
    gpus, waiting = counted(setup.training_gpus, "GPU"), setup.waiting
    how = "CUDA's context" + " and vLLM asleep" * (setup.mode is Mode.COLOCATE) + "; in the sums"
    yield _measured("others", mean.others, FigureUnit.BYTES, how)
    for name, used, how in (
        ("states", mean.states, f"{setup.tuning}: {of_states}, over {gpus}"),
        ("gathered", mean.gathered, "ZeRO-3's live parameters, at most 10^9 x 2"),
        ("pixels", mean.pixels, f"24 per pixel, {waiting} trajectories waiting"),
        ("inputs", mean.inputs, f"of all layers {vision}".strip() + "; the mean trajectory"),
        ("logits", mean.logits, f"of all after the prompt x {each} ({why})"),
        ("longest inputs", longest.inputs, "the longest trajectory"),
        ("longest logits", longest.logits, "the context less a mean prompt"),
        ("one layer in full", longest.layer, "the longest; counts where it is over the logits"),
        ("mean sum", mean.total, "of the mean trajectory"),
        ("longest sum", longest.total, "of the longest; PyTorch's cache can add a fifth"),
    ):
        yield _calibrated(setup, name, used, FigureUnit.BYTES, how)


def _host_figures(setup: Setup) -> Iterator[Figure]:
    used = memory.host_memory(setup)
    each = f"{calibration.HOST_PROCESS / 1e9:g} GB for each process with a GPU"
    yield _calibrated(setup, "processes", used.processes, FigureUnit.BYTES, each)
    how = "states offloaded" if setup.is_offloaded else "nothing"
    if setup.mode is Mode.COLOCATE:
        how = "vLLM's weights, and the trainer's states; they take twice their bytes there"
    yield _calibrated(setup, "moved off the GPUs", used.moved, FigureUnit.BYTES, how)
    yield _calibrated(setup, "node sum", used.total, FigureUnit.BYTES, "of one training node")
    if offloaded := memory.offloaded_bytes(setup):
        how = "in all training nodes together: parameters x 16"
        yield _arithmetic("offloaded", offloaded, FigureUnit.BYTES, how)


def _time_figures(setup: Setup) -> Iterator[Figure]:
    seconds = times.step_seconds(setup, setup.mean_tokens)
    is_mixture = setup.model.active < setup.model.parameters
    weight = "active weight" if is_mixture else "weight"
    is_lora = setup.tuning is Tuning.LORA
    operations = times.LORA_OPERATIONS if is_lora else times.FULL_OPERATIONS
    steps = f"{seconds.decoding_steps:,} steps of {seconds.concurrent} at once"
    switching = "weights to the servers"
    if setup.mode is Mode.COLOCATE:
        switching = f"{calibration.SWITCH_SECONDS:g} s a generation: sleep, wake, weights, offload"
    for name, value, how in (
        ("generating", seconds.generating, f"per engine and generation {steps}, and encoding"),
        ("switching", seconds.switching, switching),
        ("encoding", seconds.encoding, f"{calibration.ENCODE_SECONDS:g} s a trajectory (ms-swift)"),
        ("old log-probabilities", seconds.old_logps, "a forward pass; launching its kernels"),
        (
            "training",
            seconds.training,
            f"{operations} operations per {weight} and token; launching",
        ),
        ("exchanging", seconds.exchanging, "ZeRO-3's gathers and gradients; what is offloaded"),
        ("step", seconds.total, "without the judge and the ranks' waiting for each other"),
        ("run", setup.steps * seconds.total, counted(setup.steps, "such step")),
    ):
        yield _calibrated(setup, name, value, FigureUnit.SECONDS, how)
    hours = setup.gpus * setup.steps * seconds.total / HOUR
    how = "of all GPUs but the judge's"
    yield _calibrated(setup, "all GPUs", hours, FigureUnit.GPU_HOURS, how)


def _judge_figures(setup: Setup) -> Iterator[Figure]:
    judge, seconds = setup.judge, times.step_seconds(setup, setup.mean_tokens).total
    load = times.judge_load(setup.trajectories, seconds, judge, setup.gpu)
    how = "per step, in one burst at its end"
    yield _exact("questions", load.questions, FigureUnit.NUMBER, how)
    how = f"to take {times.JUDGE_STEP_SHARE:.0%} of a step: {load.seconds_allowed:.0f} s"
    yield _arithmetic("rate needed", load.rate_needed, FigureUnit.RATE, how)
    size, tokens = judge.parameters / 1e9, times.JUDGE_QUESTION_TOKENS
    how = f"{size:.0f} B on {counted(judge.gpus, 'GPU')}, {tokens} tokens each"
    yield _arithmetic("rate of a replica", load.rate_of_a_replica, FigureUnit.RATE, how)
    yield _arithmetic("replicas", load.replicas, FigureUnit.NUMBER, "to stay off the critical path")
    alone = load.seconds_of_one_replica
    yield _arithmetic("with one replica", alone, FigureUnit.SECONDS, "added to every step")


def _warnings(setup: Setup) -> Iterator[str]:
    yield from (f"{misfit.what}: {misfit.fix}." for misfit in misfits(setup))
    yield from remarks(setup)


def remarks(setup: Setup) -> Iterator[str]:
    """What is known to go wrong though it fits."""
    if not setup.model.token_side:
        yield "The model takes no images: it has nothing to zoom into."
    if setup.judge.parameters < SMALL_JUDGE_PARAMETERS:
        yield "Small judges have made tool use collapse (DeepEyes #55): watch the tool metrics."
    if setup.mean_tokens.prompt > setup.lengths.max_prompt_tokens:
        yield "The largest image does not fit the prompt's limit: such rows are left out."

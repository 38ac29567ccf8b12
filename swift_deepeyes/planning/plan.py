"""The plan: every figure with how it comes about, and the warnings that follow from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum

from swift_deepeyes.counted import counted
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.planning import costs
from swift_deepeyes.planning.fit import misfits
from swift_deepeyes.planning.setup import Mode, Setup, image_tokens

SMALL_JUDGE_PARAMETERS = 30e9


class Certainty(StrEnum):
    """Whether a figure is arithmetic on what is known, or rests on an assumption."""

    EXACT = "exact"
    ESTIMATE = "estimate"


class FigureUnit(StrEnum):
    """What a figure counts."""

    NUMBER = ""
    TOKENS = "tokens"
    BYTES = "bytes"
    SECONDS = "s"
    RATE = "requests/s"


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
        "A step": _time_figures,
        "Judge": _judge_figures,
    }
    sections = (Section(title=t, figures=tuple(figures(setup))) for t, figures in parts.items())
    return Plan(sections=tuple(sections), warnings=tuple(_warnings(setup)))


def _exact(name: str, value: float, unit: FigureUnit, how: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, certainty=Certainty.EXACT, how=how)


def _estimate(name: str, value: float, unit: FigureUnit, how: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, certainty=Certainty.ESTIMATE, how=how)


def _token_figures(setup: Setup) -> Iterator[Figure]:
    lengths, side, mean = setup.lengths, setup.model.token_side, setup.mean_tokens
    how = f"{lengths.max_pixels:,} pixels / {side}x{side}, and 2 marks"
    if not side:
        how = "the model takes no images"
    yield _exact("largest image", image_tokens(lengths.max_pixels, side), FigureUnit.TOKENS, how)
    yield _estimate("prompt", mean.prompt, FigureUnit.TOKENS, "text and the largest image")
    how = f"{lengths.mean_turns:g} turns x {lengths.mean_turn_tokens}"
    yield _estimate("model's turns", mean.of_model, FigureUnit.TOKENS, how)
    crops = f"{(lengths.mean_turns - 1) * lengths.mean_crop_rate:g} crops"
    how = f"{crops} of {lengths.mean_crop_share:.0%} of the image, and text"
    yield _estimate("observations", mean.observed, FigureUnit.TOKENS, how)
    yield _estimate("image tokens", mean.images, FigureUnit.TOKENS, "of the image and the crops")
    yield _estimate(
        "mean trajectory", mean.total, FigureUnit.TOKENS, "prompt, turns and observations"
    )
    prompt, response = lengths.max_prompt_tokens, lengths.max_response_tokens
    how = f"limits: prompt {prompt:,}, response {response:,}"
    yield _exact("longest trajectory", setup.longest_tokens.total, FigureUnit.TOKENS, how)


def _batch_figures(setup: Setup) -> Iterator[Figure]:
    prompts, rows = setup.prompts, setup.rows
    how = f"per step: {prompts} prompts x {setup.generations} generations"
    yield _exact("trajectories", setup.trajectories, FigureUnit.NUMBER, how)
    how = f"{rows:,} rows / {prompts} prompts"
    yield _exact("steps per epoch", math.ceil(rows / prompts), FigureUnit.NUMBER, how)
    how = f"in {counted(setup.steps, 'step')}"
    yield _exact("epochs", setup.steps * prompts / rows, FigureUnit.NUMBER, how)


def _rollout_figures(setup: Setup) -> Iterator[Figure]:
    model, engines = setup.model, setup.engines
    where = "on their own GPUs" if setup.mode is Mode.SERVER else "on the trainer's GPUs"
    how = f"{counted(setup.generating_gpus, 'GPU')} {where} / {setup.engine_gpus} per engine"
    yield _exact("engines", engines, FigureUnit.NUMBER, how)
    yield _exact("weights", costs.weight_bytes(model), FigureUnit.BYTES, "parameters x 2 (bf16)")
    layers = f"{model.kv_layers} of " * (model.kv_layers < model.layers) + f"{model.layers}"
    how = f"2 x {layers} layers x {model.kv_heads} heads x {model.head_dim} x 2"
    yield _exact("KV cache per token", costs.kv_bytes_per_token(model), FigureUnit.BYTES, how)
    if model.state_bytes:
        how = "per trajectory: the other layers (linear attention), fp32"
        yield _exact("state", model.state_bytes, FigureUnit.BYTES, how)
    how = f"{setup.rollout_memory_share:.0%} of the memory, less weights and 4 GB per GPU"
    yield _estimate("KV cache", costs.kv_cache_bytes(setup), FigureUnit.BYTES, how)
    fit = costs.rollouts_that_fit(setup, setup.mean_tokens.total)
    how = f"of {setup.trajectories / engines:g} per step and engine; prompts not shared"
    yield _estimate("mean rollouts that fit", fit, FigureUnit.NUMBER, how)
    fit = costs.rollouts_that_fit(setup, setup.longest_tokens.total)
    how = "with every trajectory at its limit"
    yield _estimate("longest rollouts that fit", fit, FigureUnit.NUMBER, how)


def _training_figures(setup: Setup) -> Iterator[Figure]:
    used = costs.training_memory(setup, setup.mean_tokens)
    worst = costs.training_memory(setup, setup.longest_tokens)
    of_states = "gradients; the rest is offloaded" if setup.is_offloaded else "weights, grads, Adam"
    for name, how in {
        "states": f"{setup.tuning}: {of_states}, over {counted(setup.training_gpus, 'GPU')}",
        "gathered": "ZeRO-3's live parameters, at most 10^9 x 2",
        "activations": "with gradient checkpointing, the mean trajectory",
        "logits": "response x vocabulary x 6; a fused loss needs less",
        "pixels": f"24 per pixel, {setup.micro_steps_per_generation} trajectories waiting",
    }.items():
        yield _estimate(name, getattr(used, name), FigureUnit.BYTES, how)
    yield _estimate("mean sum", used.total, FigureUnit.BYTES, "of the mean trajectory")
    yield _estimate("longest sum", worst.total, FigureUnit.BYTES, "of the longest trajectory")
    if setup.is_offloaded:
        how = "in the memory of all training nodes: parameters x 16"
        offloaded = setup.model.parameters * costs.TRAINED_BYTES
        yield _estimate("offloaded", offloaded, FigureUnit.BYTES, how)


def _time_figures(setup: Setup) -> Iterator[Figure]:
    seconds = costs.step_seconds(setup, setup.mean_tokens)
    is_mixture = setup.model.active < setup.model.parameters
    weight = "active weight" if is_mixture else "weight"
    for name, value, how in (
        ("reading prompts", seconds.prefill, "prompts once per group"),
        ("generating", seconds.decode, f"{seconds.concurrent} at once per engine; a lower bound"),
        (
            "training",
            seconds.training,
            f"{costs.TRAINING_OPERATIONS} operations per {weight} and token",
        ),
        ("step", seconds.total, "without judge, weight transfer and tail"),
        ("run", setup.steps * seconds.total, f"{counted(setup.steps, 'such step')}"),
    ):
        yield _estimate(name, value, FigureUnit.SECONDS, how)


def _judge_figures(setup: Setup) -> Iterator[Figure]:
    judge, seconds = setup.judge, costs.step_seconds(setup, setup.mean_tokens).total
    load = costs.judge_load(setup.trajectories, seconds, judge, setup.gpu)
    how = "per step, in one burst at its end"
    yield _exact("questions", load.questions, FigureUnit.NUMBER, how)
    how = f"to take {costs.JUDGE_STEP_SHARE:.0%} of a step: {load.seconds_allowed:.0f} s"
    yield _estimate("rate needed", load.rate_needed, FigureUnit.RATE, how)
    size, tokens = judge.parameters / 1e9, costs.JUDGE_QUESTION_TOKENS
    how = f"{size:.0f} B on {counted(judge.gpus, 'GPU')}, {tokens} tokens each"
    yield _estimate("rate of a replica", load.rate_of_a_replica, FigureUnit.RATE, how)
    yield _estimate("replicas", load.replicas, FigureUnit.NUMBER, "to stay off the critical path")
    alone = load.seconds_of_one_replica
    yield _estimate("with one replica", alone, FigureUnit.SECONDS, "added to every step")


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

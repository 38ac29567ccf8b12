"""The plan: every figure with how it comes about, and the warnings that follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from swift_deepeyes.core.trajectory import FrozenModel
from swift_deepeyes.planning import memory, tokens
from swift_deepeyes.planning.duration import StepSeconds, step_seconds
from swift_deepeyes.planning.judge_load import judge_load
from swift_deepeyes.planning.setup import Mode, Setup

SMALL_JUDGE_PARAMETERS = 30e9
COMFORTABLE_SHARE = 0.9  # of a GPU's memory


class Certainty(StrEnum):
    """Whether a figure is arithmetic on what is known, or rests on a guess."""

    EXACT = "exact"
    ESTIMATE = "estimate"


class Unit(StrEnum):
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
    unit: Unit
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
    seconds = step_seconds(setup, mean_tokens(setup))
    sections = (
        Section(title="Tokens of a trajectory", figures=tuple(_token_figures(setup))),
        Section(title="Batch", figures=tuple(_batch_figures(setup))),
        Section(title="Rollout, per engine", figures=tuple(_rollout_figures(setup))),
        Section(title="Training, per GPU", figures=tuple(_training_figures(setup))),
        Section(title="A step", figures=tuple(_time_figures(setup, seconds))),
        Section(title="Judge", figures=tuple(_judge_figures(setup, seconds))),
    )
    return Plan(sections=sections, warnings=tuple(_warnings(setup)))


def mean_tokens(setup: Setup) -> tokens.TrajectoryTokens:
    """The mean trajectory."""
    return tokens.mean_trajectory(setup.lengths, setup.model.token_side)


def _exact(name: str, value: float, unit: Unit, how: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, certainty=Certainty.EXACT, how=how)


def _estimate(name: str, value: float, unit: Unit, how: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, certainty=Certainty.ESTIMATE, how=how)


def _token_figures(setup: Setup) -> Iterator[Figure]:
    lengths, side = setup.lengths, setup.model.token_side
    mean = mean_tokens(setup)
    yield _exact(
        "largest image",
        tokens.image_tokens(lengths.max_pixels, side),
        Unit.TOKENS,
        f"{lengths.max_pixels:,} pixels / {side}x{side}, and 2 marks",
    )
    yield _estimate("prompt", mean.prompt, Unit.TOKENS, "text and the largest image")
    yield _estimate(
        "model's turns",
        mean.of_model,
        Unit.TOKENS,
        f"{lengths.mean_turns:g} turns x {lengths.mean_turn_tokens}",
    )
    yield _estimate(
        "observations",
        mean.observed,
        Unit.TOKENS,
        f"{(lengths.mean_turns - 1) * lengths.mean_crop_rate:g} crops of "
        f"{lengths.mean_crop_share:.0%} of the image, and text",
    )
    yield _estimate("image tokens", mean.images, Unit.TOKENS, "of the image and the crops")
    yield _estimate("mean trajectory", mean.total, Unit.TOKENS, "prompt, turns and observations")
    yield _exact(
        "longest trajectory",
        tokens.longest_trajectory(lengths),
        Unit.TOKENS,
        f"limits: prompt {lengths.max_prompt_tokens:,}, response {lengths.max_response_tokens:,}",
    )


def _batch_figures(setup: Setup) -> Iterator[Figure]:
    yield _exact(
        "trajectories",
        setup.trajectories,
        Unit.NUMBER,
        f"per step: {setup.prompts} prompts x {setup.generations} generations",
    )
    yield _exact(
        "steps per epoch",
        tokens.steps_per_epoch(setup.rows, setup.prompts),
        Unit.NUMBER,
        f"{setup.rows:,} rows / {setup.prompts} prompts",
    )
    yield _exact(
        "epochs",
        setup.steps * setup.prompts / setup.rows,
        Unit.NUMBER,
        f"in {setup.steps} steps",
    )


def _rollout_figures(setup: Setup) -> Iterator[Figure]:
    mean = mean_tokens(setup).total
    longest = tokens.longest_trajectory(setup.lengths)
    model = setup.model
    where = "on their own GPUs" if setup.mode is Mode.SERVER else "on the trainer's GPUs"
    yield _exact(
        "engines",
        setup.engines,
        Unit.NUMBER,
        f"{setup.generating_gpus} GPUs {where} / {setup.engine_gpus} per engine",
    )
    yield _exact("weights", memory.weight_bytes(model), Unit.BYTES, "parameters x 2 (bf16)")
    yield _exact(
        "KV cache per token",
        memory.kv_bytes_per_token(model),
        Unit.BYTES,
        f"2 x {model.layers} layers x {model.kv_heads} heads x {model.head_dim} x 2",
    )
    yield _estimate(
        "KV cache",
        memory.kv_cache_bytes(setup),
        Unit.BYTES,
        f"{setup.rollout_memory_share:.0%} of the memory, less weights and 4 GB per GPU",
    )
    yield _estimate(
        "mean rollouts that fit",
        memory.rollouts_that_fit(setup, mean),
        Unit.NUMBER,
        f"of {setup.trajectories / setup.engines:g} per step and engine; prompts not shared",
    )
    yield _estimate(
        "longest rollouts that fit",
        memory.rollouts_that_fit(setup, longest),
        Unit.NUMBER,
        "with every trajectory at its limit",
    )


def _training_figures(setup: Setup) -> Iterator[Figure]:
    used = memory.training_memory(setup, mean_tokens(setup))
    worst = memory.training_memory(setup, longest_tokens(setup))
    of_states = "gradients; the rest is offloaded" if setup.is_offloaded else "weights, grads, Adam"
    how = {
        "states": f"{setup.tuning}: {of_states}, over {setup.training_gpus} GPUs",
        "gathered": "ZeRO-3's live parameters, at most 10^9 x 2",
        "activations": "with gradient checkpointing, the mean trajectory",
        "logits": "response x vocabulary x 6; a fused loss needs less",
        "pixels": f"24 per pixel, {setup.micro_steps_per_generation} trajectories waiting",
    }
    for name, text in how.items():
        yield _estimate(name, getattr(used, name), Unit.BYTES, text)
    yield _estimate("mean sum", used.total, Unit.BYTES, "of the mean trajectory")
    yield _estimate("longest sum", worst.total, Unit.BYTES, "of the longest trajectory")
    if setup.is_offloaded:
        how_much = "in the memory of all training nodes: parameters x 16"
        yield _estimate("offloaded", memory.offloaded_bytes(setup), Unit.BYTES, how_much)


def longest_tokens(setup: Setup) -> tokens.TrajectoryTokens:
    """A trajectory at the limits, its images as those of the mean one."""
    lengths = setup.lengths
    return tokens.TrajectoryTokens(
        prompt=lengths.max_prompt_tokens,
        of_model=lengths.max_response_tokens,
        observed=0,
        images=mean_tokens(setup).images,
    )


def _time_figures(setup: Setup, seconds: StepSeconds) -> Iterator[Figure]:
    yield _estimate("reading prompts", seconds.prefill, Unit.SECONDS, "prompts once per group")
    yield _estimate(
        "generating",
        seconds.decode,
        Unit.SECONDS,
        f"{seconds.concurrent} at once per engine; a lower bound",
    )
    yield _estimate("training", seconds.training, Unit.SECONDS, "8 operations per weight and token")
    yield _estimate("step", seconds.total, Unit.SECONDS, "without judge, weight transfer and tail")
    yield _estimate("run", setup.steps * seconds.total, Unit.SECONDS, f"{setup.steps} such steps")


def _judge_figures(setup: Setup, seconds: StepSeconds) -> Iterator[Figure]:
    load = judge_load(setup.trajectories, seconds.total, setup.judge, setup.gpu)
    judge = setup.judge
    yield _exact("questions", load.questions, Unit.NUMBER, "per step, in one burst at its end")
    yield _estimate(
        "rate needed",
        load.rate_needed,
        Unit.RATE,
        f"to take {judge.step_share:.0%} of a step: {load.seconds_allowed:.0f} s",
    )
    yield _estimate(
        "rate of a replica",
        load.rate_of_a_replica,
        Unit.RATE,
        f"{judge.parameters / 1e9:.0f} B on {judge.gpus} GPUs, {judge.question_tokens} tokens each",
    )
    yield _estimate("replicas", load.replicas, Unit.NUMBER, "to stay off the critical path")
    yield _estimate(
        "with one replica", load.seconds_of_one_replica, Unit.SECONDS, "added to every step"
    )


def _warnings(setup: Setup) -> Iterator[str]:
    fit = memory.rollouts_that_fit(setup, tokens.longest_trajectory(setup.lengths))
    if memory.kv_cache_bytes(setup) <= 0:
        yield "The rollout engine does not fit: raise --tensor-parallel, or take larger GPUs."
    elif fit == 0:
        yield "Not one trajectory at its limits fits an engine's KV cache: vLLM will not start."
    gpu = setup.gpu.memory_bytes
    mean = memory.training_memory(setup, mean_tokens(setup)).total
    longest = memory.training_memory(setup, longest_tokens(setup)).total
    if mean > COMFORTABLE_SHARE * gpu:
        yield "Training does not fit: more GPUs, --lora, fewer pixels, or DeepSpeed's offload."
    elif longest > COMFORTABLE_SHARE * gpu:
        yield "The longest trajectories do not fit in training: lower --max-response, or offload."
    if setup.judge.parameters < SMALL_JUDGE_PARAMETERS:
        yield "Small judges have made tool use collapse (DeepEyes #55): watch the tool metrics."
    prompt = mean_tokens(setup).prompt
    if prompt > setup.lengths.max_prompt_tokens:
        yield "The largest image does not fit the prompt's limit: such rows are left out."

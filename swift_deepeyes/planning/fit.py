"""Whether a run fits: where it does not, and which single option would make it fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, combinations, islice, product, takewhile
from typing import Any

from pydantic import ValidationError

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.planning import memory
from swift_deepeyes.planning.calibration import GB
from swift_deepeyes.planning.setup import Mode, Setup, Tuning

# Of a GPU's memory. PyTorch's cache held a fifth more than was allocated in the measured run; on a
# full card it is given back, but not all of it.
COMFORTABLE_SHARE = 0.9
# Below these a run is another one: a turn or two, and an image that shows nothing.
LEAST_RESPONSE, LEAST_PIXELS = 1024, 250_880
ROLLOUT_SHARES = (0.6, 0.5, 0.4)

Change = dict[str, Any]  # fields of `Setup` and its `Lengths` by name


class Misfit(FrozenModel):
    """One part of a run that does not fit: what, by how much, and what helps in general."""

    what: str
    size: str
    fix: str


def misfits(setup: Setup) -> Iterator[Misfit]:
    """What does not fit, the rollout first; nothing where all does."""
    yield from _of_rollout(setup)
    yield from _of_training(setup)


def _of_rollout(setup: Setup) -> Iterator[Misfit]:
    if memory.kv_cache_bytes(setup) <= 0:
        weights = memory.weight_bytes(setup.model) / GB
        share = setup.engine_gpus * setup.gpu.memory_bytes * setup.vllm_share / GB
        yield Misfit(
            what="The rollout engine does not fit",
            size=f"{weights:.0f} GB of weights and a reserve in {share:.0f} GB",
            fix="raise --tensor-parallel, or take larger GPUs",
        )
    elif not memory.rollouts_that_fit(setup, setup.longest_tokens.total):
        yield Misfit(
            what="Not one trajectory at its limits fits an engine's KV cache",
            size=f"{setup.longest_tokens.total:,} tokens",
            fix="vLLM will not start",
        )
    held = memory.generating_memory(setup)
    if setup.mode is Mode.COLOCATE and held > setup.gpu.memory_bytes:
        yield Misfit(
            what="vLLM's share leaves too little for what the trainer keeps on the GPU",
            size=f"{held / GB:.0f} of {setup.gpu.memory_bytes / GB:.0f} GB",
            fix="lower --rollout-memory",
        )


def _of_training(setup: Setup) -> Iterator[Misfit]:
    comfortable = COMFORTABLE_SHARE * setup.gpu.memory_bytes
    mean = memory.training_memory(setup, setup.mean_tokens).total
    longest = memory.training_memory(setup, setup.longest_tokens).total
    limit = f"GB a GPU, and {comfortable / GB:.0f} are safe"
    if mean > comfortable:
        yield Misfit(
            what="Training does not fit",
            size=f"{mean / GB:.0f} {limit}",
            fix="more GPUs, --lora, fewer pixels, or DeepSpeed's offload",
        )
    elif longest > comfortable:
        yield Misfit(
            what="The longest trajectories do not fit in training",
            size=f"{longest / GB:.0f} {limit}",
            fix="lower --max-response or --max-prompt",
        )


def remedies(setup: Setup) -> list[str]:
    """Options that make everything fit, each alone, else pairs; of a number the mildest value."""
    levers = list(_levers(setup))
    alone = [text for lever in levers for text in _enough(setup, lever)]
    pairs = (_enough(setup, map(_both, product(*pair))) for pair in combinations(levers, 2))
    return alone or list(chain.from_iterable(pairs))


def changed_setup(setup: Setup, change: Change) -> Setup | None:
    """The setup with these fields changed; None: there is no such run."""
    values = dict(setup) | dict(setup.lengths) | change
    try:
        return Setup.model_validate(values | {"lengths": values})
    except ValidationError:
        return None


def _enough(setup: Setup, alternatives: Iterable[tuple[str, Change]]) -> Iterator[str]:
    """The first alternative with which all fits, if there is one."""
    return islice((text for text, change in alternatives if _fits(setup, change)), 1)


def _both(pair: tuple[tuple[str, Change], ...]) -> tuple[str, Change]:
    (text, change), (other_text, other_change) = pair
    return f"{text} with {other_text}", change | other_change


def _fits(setup: Setup, change: Change) -> bool:
    changed = changed_setup(setup, change)
    return changed is not None and not any(misfits(changed))


def _levers(setup: Setup) -> Iterator[list[tuple[str, Change]]]:
    lengths = setup.lengths
    numbers = _halved(setup.micro_steps_per_generation, 1)
    yield [(f"--waiting {n}", {"micro_steps_per_generation": n}) for n in numbers]
    numbers = _halved(lengths.max_response_tokens, LEAST_RESPONSE)
    yield [(f"--max-response {n}", {"max_response_tokens": n}) for n in numbers]
    # A longest trajectory is the context, so the prompt's limit counts as well.
    numbers = _halved(lengths.max_prompt_tokens, setup.mean_tokens.prompt)
    yield [(f"--max-prompt {n}", {"max_prompt_tokens": n}) for n in numbers]
    numbers = _halved(lengths.max_pixels, LEAST_PIXELS)
    yield [(f"--max-pixels {n}", {"max_pixels": n}) for n in numbers]
    if setup.mode is Mode.COLOCATE:
        shares = [share for share in ROLLOUT_SHARES if share < setup.vllm_share]
        yield [(f"--rollout-memory {share}", {"rollout_memory_share": share}) for share in shares]
    numbers = [n for n in setup.model.possible_tensor_parallel if n > setup.engine_gpus]
    yield [(f"--tensor-parallel {n}", {"tensor_parallel": n}) for n in numbers]
    if setup.tuning is Tuning.FULL:
        if not setup.is_offloaded:
            yield [("--offload", {"is_offloaded": True})]
        yield [("--lora", {"tuning": Tuning.LORA})]
    yield [(f"--gpus {n * setup.gpus}", {"gpus": n * setup.gpus}) for n in (2, 4, 8)]


def _halved(number: int, least: int) -> list[int]:
    """The number's half, a quarter of it and so on, not below `least`."""
    halves = takewhile(lambda n: n >= least, (number >> times for times in range(1, 32)))
    return list(halves)

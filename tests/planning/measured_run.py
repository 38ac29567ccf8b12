"""The measured runs, as typed figures: what was set, and what was read from their probe.

One NVIDIA H200 (143,771 MiB), 16 cores, torch 2.11.0+cu130, vLLM 0.26.0, ms-swift 4.6.0,
transformers 5.17.0. `scripts/runs/3b_lora_1_gpu.sh` with random weights of the published shape,
PROMPTS=4 GENERATIONS=8 STEPS=3 MAX_TURN_TOKENS=256, at most three calls, images of 1920x1080 and
3000x2000, one trajectory a step filled up to the context. Means of steps 2 and 3; bytes, seconds.
"""

from __future__ import annotations

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.planning.calibration import GB
from swift_deepeyes.planning.gpus import GPUS
from swift_deepeyes.planning.models import MODELS
from swift_deepeyes.planning.setup import Lengths, Mode, Setup, Tuning

SETUP = Setup(
    model=MODELS["3b"],
    gpu=GPUS["h200"],
    gpus=1,
    mode=Mode.COLOCATE,
    tuning=Tuning.LORA,
    rollout_memory_share=0.096,  # 14.4 GB, as on a card of 24 GB
    prompts=4,
    generations=8,
    steps=3,
    lengths=Lengths(
        max_pixels=1_003_520,
        max_prompt_tokens=8191,
        max_response_tokens=1,
        max_turns=4,
        max_turn_tokens=256,
        # As logged (`plan --log`); the rest is what a plan assumes.
        mean_turns=2.46,
        mean_turn_tokens=255,
        mean_crop_share=0.24,
    ),
)


class MeasuredMemory(FrozenModel):
    """Bytes."""

    standing: float = 9.61 * GB  # allocated between micro-steps: states and waiting pixels
    pixels: float = 1.0 * GB
    mean: float = 13.3 * GB  # allocated at most, for a trajectory of mean length
    longest: float = 26.71 * GB  # for one of 8,201 tokens, 6,595 of them after the prompt
    logit_row: float = 2_534_464  # more of that peak for each token after the prompt
    device: float = 33.4 * GB  # the card's total then, with PyTorch's cache of freed blocks
    kv_cache: float = 7.4 * GB
    vllm: float = 15.2 * GB
    host: float = 35.5 * GB


class MeasuredSeconds(FrozenModel):
    """Of one step."""

    generating: float = 9.2  # the engine's calls, with encoding their conversations
    switching: float = 5.6  # the rest of the rollout phase, 14.8
    encoding: float = 6.3  # trajectories for the trainer, collating and logging: what is left
    old_logps: float = 7.6
    training: float = 17.8
    step: float = 46.6


class MeasuredTokens(FrozenModel):
    """Of the mean trajectory."""

    total: float = 2971
    of_model: float = 626
    images: float = 1735
    longest: float = 8201


class LaterRun(FrozenModel):
    """A run that no constant but a machine's memory was taken from. Bytes, seconds.

    `step` of the 3B is its second one (the first, which compiles, took 76.8); of the 7B the first
    and only one, less the 17 s that its first call of the engine took longer than the next ones.
    """

    setup: Setup
    tokens: float  # of the mean trajectory
    images: float  # image tokens of it
    mean: float  # allocated at most, the mean of all micro-steps
    longest: float  # ... and for one that fills the context
    vllm: float
    host: float
    training: float
    step: float


def _later(model: str, share: float, turns: float, turn_tokens: int, crop_rate: float) -> Setup:
    """As the script ships it (5 turns of 1,024 tokens), with random weights of either shape."""
    lengths = SETUP.lengths.model_copy(
        update={
            "max_prompt_tokens": 3072,
            "max_response_tokens": 2048,
            "max_turns": 5,
            "max_turn_tokens": 1024,
            "mean_turns": turns,
            "mean_turn_tokens": turn_tokens,
            "mean_crop_rate": crop_rate,
        }
    )
    update = {"model": MODELS[model], "rollout_memory_share": share, "lengths": lengths}
    return SETUP.model_copy(update=update)


MEMORY, SECONDS, TOKENS = MeasuredMemory(), MeasuredSeconds(), MeasuredTokens()
LATER = {
    "3b": LaterRun(
        setup=_later("3b", 0.0955, turns=2.47, turn_tokens=933, crop_rate=1.0),
        tokens=4599,
        images=1690,
        mean=17.57 * GB,
        longest=19.09 * GB,
        vllm=14.82 * GB,
        host=35.6 * GB,
        training=19.0,
        step=60.1,
    ),
    "7b": LaterRun(
        setup=_later("7b", 0.1857, turns=2.13, turn_tokens=954, crop_rate=0.97),
        tokens=4167,
        images=1574,
        mean=25.40 * GB,
        longest=28.11 * GB,
        vllm=28.18 * GB,
        host=76.0 * GB,
        training=21.7,
        step=79.4,
    ),
}

"""What is planned: model, machines, batch and lengths. The defaults are the paper's for 7B.

Lengths that only a run can know are the user's guess here; they are named `mean_…` and no figure
that depends on them is exact.
"""

from __future__ import annotations

import math
from enum import StrEnum

from pydantic import Field, model_validator

from swift_deepeyes.counted import counted
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.planning.gpus import GPUS, Gpu
from swift_deepeyes.planning.models import BF16, MODELS, ModelShape

MOST = 10**9  # of anything a user states: beyond, it is a slip, and overflows floats
PUBLISHED_ROWS = 22_362 + 13_659 + 11_031
IMAGE_MARKS = 2  # <|vision_start|> and <|vision_end|>
MIN_IMAGE_TOKENS = 4  # qwen-vl-utils enlarges smaller images


class Mode(StrEnum):
    """Where the rollouts run."""

    SERVER = "server"  # on GPUs of their own
    COLOCATE = "colocate"  # on the trainer's GPUs, in turns with it


class Tuning(StrEnum):
    """What is trained."""

    FULL = "full"
    LORA = "lora"


class Lengths(FrozenModel):
    """Tokens and pixels of a trajectory."""

    max_pixels: int = Field(default=2_007_040, ge=1024, le=MOST)  # of MAX_PIXELS in our scripts
    prompt_text_tokens: int = Field(default=600, ge=1)  # system, question and instruction
    max_prompt_tokens: int = Field(default=8192, ge=1, le=MOST)
    max_response_tokens: int = Field(default=20_480, ge=1, le=MOST)
    max_turns: int = Field(default=5, ge=1, le=MOST)
    max_turn_tokens: int = Field(default=10_240, ge=1, le=MOST)
    mean_turns: float = Field(default=2.5, ge=1, le=MOST)
    mean_turn_tokens: int = Field(default=250, ge=1, le=MOST)
    mean_crop_rate: float = Field(
        default=1, ge=0, le=MOST
    )  # crops per turn but the last; calls may fail
    mean_crop_share: float = Field(default=0.25, gt=0, le=MOST)  # of the first image's tokens
    observation_text_tokens: int = Field(default=60, ge=0)


class TrajectoryTokens(FrozenModel):
    """Tokens of one trajectory by who wrote them."""

    prompt: int
    of_model: int
    observed: int
    images: int  # within prompt and observed

    @property
    def total(self) -> int:
        """All of them: what the context and the KV cache hold at the end."""
        return self.prompt + self.of_model + self.observed


def image_tokens(pixels: int, token_side: int) -> int:
    """Prompt tokens of an image of so many pixels, marks included: an upper bound.

    The image is resized to whole tokens within `pixels`: at most `pixels / side²`. A model that
    takes no images (side 0) has no tokens for them.
    """
    if not token_side:
        return 0
    return max(MIN_IMAGE_TOKENS, pixels // token_side**2) + IMAGE_MARKS


def mean_trajectory(lengths: Lengths, token_side: int) -> TrajectoryTokens:
    """A trajectory of the mean lengths, its first image as large as allowed."""
    first = image_tokens(lengths.max_pixels, token_side)
    observations = lengths.mean_turns - 1
    crops = observations * lengths.mean_crop_rate
    crop = image_tokens(int(lengths.max_pixels * lengths.mean_crop_share), token_side)
    return TrajectoryTokens(
        prompt=lengths.prompt_text_tokens + first,
        of_model=round(lengths.mean_turns * lengths.mean_turn_tokens),
        observed=round(crops * crop + observations * lengths.observation_text_tokens),
        images=round(first + crops * crop),
    )


class JudgeSetup(FrozenModel):
    """One replica of the judge, and how much of a step it may cost."""

    parameters: float = Field(default=72.7e9, gt=0, le=1e15)
    gpus: int = Field(default=8, ge=1, le=MOST)
    asked_share: float = Field(default=1.0, gt=0, le=1)  # the rest is settled by rules or cache


class Setup(FrozenModel):
    """One run."""

    model: ModelShape = MODELS["7b"]
    gpu: Gpu = GPUS["h100"]
    gpus: int = Field(default=32, ge=1, le=MOST)
    mode: Mode = Mode.SERVER
    tuning: Tuning = Tuning.FULL
    rollout_gpus: int | None = Field(default=None, ge=1)  # None: a quarter in server mode
    tensor_parallel: int | None = Field(default=None, ge=1)  # None: the model's
    rollout_memory_share: float | None = Field(default=None, gt=0, le=1)  # None: our scripts'
    prompts: int = Field(default=256, ge=1, le=MOST)
    generations: int = Field(default=16, ge=2, le=MOST)
    rows: int = Field(default=PUBLISHED_ROWS, ge=1, le=MOST)
    steps: int = Field(default=80, ge=1, le=MOST)
    is_offloaded: bool = False  # weights and Adam in the nodes' memory (DeepSpeed's zero3_offload)
    micro_steps_per_generation: int = Field(default=64, ge=1, le=MOST)
    lengths: Lengths = Lengths()
    judge: JudgeSetup = JudgeSetup()

    @model_validator(mode="after")
    def _enough_gpus(self) -> Setup:
        if self._most_generating < 1:
            raise ValueError("no GPU is left to train on: take more --gpus, or --colocate")
        if self.engine_gpus > self._most_generating:
            raise ValueError(
                f"one engine needs {counted(self.engine_gpus, 'GPU')}, and "
                f"{self._most_generating} can generate; {self._choices}"
            )
        if self.engine_gpus not in self.model.possible_tensor_parallel:
            raise ValueError(
                f"{self.model.name} cannot be cut into {self.engine_gpus} parts: it has "
                f"{self.model.heads} heads and {self.model.kv_heads} KV heads; {self._choices}"
            )
        if self.training_gpus < 1:
            raise ValueError("no GPU is left to train on: lower --rollout-gpus, or --colocate")
        return self

    @property
    def _most_generating(self) -> int:
        """GPUs that can generate at most: beside a server, one has to train."""
        if self.mode is Mode.COLOCATE:
            return self.gpus
        return self.rollout_gpus or self.gpus - 1

    @property
    def _choices(self) -> str:
        """Which values of `--tensor-parallel` these GPUs and their memory allow."""
        each = self.gpu.memory_bytes * self.vllm_share
        choices = [
            str(number)
            for number in self.model.possible_tensor_parallel
            if number <= self._most_generating and number * each > self.model.parameters * BF16
        ]
        if not choices:
            return "no --tensor-parallel is possible on them: take more, or larger ones"
        return f"--tensor-parallel may be {' or '.join(choices)}"

    @property
    def trajectories(self) -> int:
        """Trajectories of one step."""
        return self.prompts * self.generations

    @property
    def engine_gpus(self) -> int:
        """GPUs of one engine."""
        return self.tensor_parallel or self.model.tensor_parallel

    @property
    def generating_gpus(self) -> int:
        """GPUs that generate."""
        if self.mode is Mode.COLOCATE:
            return self.gpus
        return self.rollout_gpus or max(self.engine_gpus, self.gpus // 4)

    @property
    def training_gpus(self) -> int:
        """GPUs that train."""
        return self.gpus if self.mode is Mode.COLOCATE else self.gpus - self.generating_gpus

    @property
    def vllm_share(self) -> float:
        """Of a GPU's memory, for vLLM; in colocate mode while it generates."""
        return self.rollout_memory_share or (0.5 if self.mode is Mode.COLOCATE else 0.85)

    @property
    def engines(self) -> int:
        """Engines side by side."""
        return self.generating_gpus // self.engine_gpus

    @property
    def has_deepspeed(self) -> bool:
        """As in our scripts: wherever there is something to share or to offload."""
        return self.training_gpus > 1 or self.is_offloaded

    @property
    def is_as_measured(self) -> bool:
        """Whether the run is of the kind that was measured: one GPU for all, adapters only."""
        is_alone = self.mode is Mode.COLOCATE and self.gpus == 1 and not self.has_deepspeed
        return is_alone and self.tuning is Tuning.LORA

    @property
    def micro_steps(self) -> int:
        """Trajectories that a GPU trains on in one step, one after the other."""
        return math.ceil(self.trajectories / self.training_gpus)

    @property
    def waiting(self) -> int:
        """Trajectories that are generated for one GPU at once, and wait for their micro-step."""
        return min(self.micro_steps_per_generation, self.micro_steps)

    @property
    def generations_of_a_step(self) -> int:
        """How often a step generates; the weights stay the same in between."""
        return math.ceil(self.micro_steps / self.waiting)

    @property
    def mean_tokens(self) -> TrajectoryTokens:
        """The mean trajectory."""
        return mean_trajectory(self.lengths, self.model.token_side)

    @property
    def longest_tokens(self) -> TrajectoryTokens:
        """A trajectory that fills the context after a mean prompt, with the mean one's images."""
        mean, lengths = self.mean_tokens, self.lengths
        prompt = min(mean.prompt, lengths.max_prompt_tokens)
        return TrajectoryTokens(
            prompt=prompt,
            of_model=lengths.max_prompt_tokens + lengths.max_response_tokens - prompt,
            observed=0,
            images=mean.images,
        )

"""What is planned: model, machines, batch and lengths. The defaults are the paper's for 7B.

Lengths that only a run can know are the user's guess here; they are named `mean_…` and every figure
that depends on them is an estimate.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from swift_deepeyes.core.trajectory import FrozenModel
from swift_deepeyes.planning.gpus import GPUS, Gpu
from swift_deepeyes.planning.models import MODELS, ModelShape

PUBLISHED_ROWS = 22_362 + 13_659 + 11_031


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

    max_pixels: int = Field(default=2_007_040, ge=1024)  # of MAX_PIXELS in our scripts
    prompt_text_tokens: int = Field(default=600, ge=1)  # system, question and instruction
    max_prompt_tokens: int = Field(default=8192, ge=1)
    max_response_tokens: int = Field(default=20_480, ge=1)
    max_turns: int = Field(default=5, ge=1)
    mean_turns: float = Field(default=2.5, ge=1)
    mean_turn_tokens: int = Field(default=250, ge=1)
    mean_crop_rate: float = Field(default=1, ge=0)  # crops per turn but the last; calls may fail
    mean_crop_share: float = Field(default=0.25, gt=0)  # of the first image's tokens
    observation_text_tokens: int = Field(default=60, ge=0)


class JudgeSetup(FrozenModel):
    """One replica of the judge, and how much of a step it may cost."""

    parameters: float = Field(default=72.7e9, gt=0)
    gpus: int = Field(default=8, ge=1)
    question_tokens: int = Field(default=500, ge=1)  # the prompt with question and answers
    reply_tokens: int = Field(default=4, ge=1)  # guided: one choice
    asked_share: float = Field(default=1.0, gt=0, le=1)  # the rest is settled by rules or cache
    step_share: float = Field(default=0.05, gt=0, le=1)  # of a step's time


class Setup(FrozenModel):
    """One run."""

    model: ModelShape = MODELS["7b"]
    gpu: Gpu = GPUS["h100"]
    gpus: int = Field(default=32, ge=1)
    mode: Mode = Mode.SERVER
    tuning: Tuning = Tuning.FULL
    rollout_gpus: int | None = Field(default=None, ge=1)  # None: a quarter in server mode
    tensor_parallel: int | None = Field(default=None, ge=1)  # None: the model's
    rollout_memory_share: float = Field(default=0.85, gt=0, le=1)
    prompts: int = Field(default=256, ge=1)
    generations: int = Field(default=16, ge=2)
    rows: int = Field(default=PUBLISHED_ROWS, ge=1)
    steps: int = Field(default=80, ge=1)
    lora_rank: int = Field(default=64, ge=1)
    is_offloaded: bool = False  # weights and Adam in the nodes' memory (DeepSpeed's zero3_offload)
    micro_steps_per_generation: int = Field(default=64, ge=1)
    lengths: Lengths = Lengths()
    judge: JudgeSetup = JudgeSetup()

    @model_validator(mode="after")
    def _enough_gpus(self) -> Setup:
        if self.engine_gpus > self.generating_gpus:
            raise ValueError(
                f"one engine needs {self.engine_gpus} GPUs, and {self.generating_gpus} generate"
            )
        if self.training_gpus < 1:
            raise ValueError("no GPU is left to train on: lower rollout_gpus, or colocate")
        return self

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
    def engines(self) -> int:
        """Engines side by side."""
        return self.generating_gpus // self.engine_gpus

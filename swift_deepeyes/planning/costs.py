"""What a run needs: bytes of the engines and of the trainer, seconds of a step, the judge's load.

Seconds are lower bounds by bandwidth and arithmetic, at efficiencies seen in practice. Not in them:
loading, weight transfer to the engines, the slowest trajectory's tail, image decoding. A real step
takes longer; the first logged one replaces them.
"""

from __future__ import annotations

import math

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.planning.models import BF16, FP32, ModelShape
from swift_deepeyes.planning.setup import GB, Gpu, JudgeSetup, Setup, TrajectoryTokens, Tuning

# Weights and gradients in bf16; a master copy and Adam's two moments in fp32 (DeepSpeed ZeRO-3).
TRAINED_BYTES = BF16 + BF16 + 3 * FP32
# Estimate: vLLM's profiling run, CUDA graphs and the encoder's cache, per GPU.
ENGINE_RESERVE = 4 * GB
ZERO3_LIVE_PARAMETERS = 10**9  # stage3_max_live_parameters: gathered for the current layers
PIXEL_BYTES = 24  # pixel_values: 3 channels x 2 frames (an image is repeated) x fp32
LORA_RANK = 64
MAX_CONCURRENT = 256  # vLLM's max_num_seqs
# Estimates: parts of the data sheet's figures that well-tuned runs reach.
DECODE_EFFICIENCY = 0.5  # of the memory bandwidth
PREFILL_EFFICIENCY = 0.4  # of the arithmetic
TRAINING_EFFICIENCY = 0.3  # of the arithmetic
# Forward 2, backward 4, and the forward again for checkpointing 2: operations per weight and token.
FORWARD_OPERATIONS = 2
TRAINING_OPERATIONS = 8
JUDGE_STEP_SHARE = 0.05  # of a step's time that the judge may add
JUDGE_QUESTION_TOKENS = 500  # the prompt with question and answers
JUDGE_TOKENS = JUDGE_QUESTION_TOKENS + 4  # and a guided reply: one choice


def kv_bytes_per_token(model: ModelShape) -> int:
    """Keys and values of one token in all layers that keep them."""
    return 2 * model.kv_layers * model.kv_heads * model.head_dim * BF16


def weight_bytes(model: ModelShape) -> int:
    """The model's weights."""
    return model.parameters * BF16


def kv_cache_bytes(setup: Setup) -> int:
    """What one engine has left for its KV cache; negative where the model does not fit."""
    memory = setup.engine_gpus * setup.gpu.memory_bytes * setup.rollout_memory_share
    return int(memory - weight_bytes(setup.model) - setup.engine_gpus * ENGINE_RESERVE)


def rollouts_that_fit(setup: Setup, tokens: int) -> int:
    """Trajectories of so many tokens in one engine's KV cache, prompts not shared."""
    each = kv_bytes_per_token(setup.model) * tokens + setup.model.state_bytes
    return max(0, kv_cache_bytes(setup) // each)


def lora_parameters(model: ModelShape, rank: int) -> int:
    """Parameters of adapters on all linear layers of the language model."""
    return rank * model.adapter_sides


class TrainingMemory(FrozenModel):
    """Bytes per GPU while one trajectory is trained on."""

    states: int  # weights, gradients, optimizer: this GPU's share
    gathered: int
    activations: int
    logits: int
    pixels: int  # of all trajectories that wait for their micro-step

    @property
    def total(self) -> int:
        """Their sum."""
        return self.states + self.gathered + self.activations + self.logits + self.pixels


def training_memory(setup: Setup, tokens: TrajectoryTokens) -> TrainingMemory:
    """The trainer's memory per GPU, for a trajectory of these tokens and one per micro-step."""
    model, gpus = setup.model, setup.training_gpus
    if setup.is_offloaded:
        states = model.parameters * BF16 // gpus  # the gradients, until they are moved too
    elif setup.tuning is Tuning.FULL:
        states = model.parameters * TRAINED_BYTES // gpus
    else:
        adapters = lora_parameters(model, LORA_RANK)
        states = weight_bytes(model) // gpus + adapters * TRAINED_BYTES // gpus
    image_pixels = tokens.images * model.token_side**2
    return TrainingMemory(
        states=states,
        gathered=min(model.parameters, ZERO3_LIVE_PARAMETERS) * BF16 if gpus > 1 else 0,
        activations=activation_bytes(model, tokens),
        # bf16, and once more in fp32 for the log-softmax; of the response only.
        logits=(tokens.of_model + tokens.observed) * model.vocabulary * (BF16 + FP32),
        pixels=image_pixels * PIXEL_BYTES * setup.micro_steps_per_generation,
    )


def activation_bytes(model: ModelShape, tokens: TrajectoryTokens) -> int:
    """Activations with gradient checkpointing: every layer's input, and one layer in full.

    In full, a layer holds its normed inputs, the attention's and the MLP's inputs and outputs;
    twice for their gradients. Attention itself is taken to need no quadratic memory.
    """
    per_token = 4 * model.hidden + (model.heads + 2 * model.kv_heads) * model.head_dim
    per_token += 3 * model.intermediate
    language = tokens.total * (model.layers * model.hidden + 2 * per_token) * BF16
    patches = tokens.images * model.merge**2
    vision = patches * model.vision_hidden * (model.vision_layers + 2 * 12) * BF16
    return language + vision


class StepSeconds(FrozenModel):
    """One step by its parts, without the judge."""

    prefill: float
    decode: float
    training: float
    concurrent: int  # trajectories at once per engine

    @property
    def total(self) -> float:
        """Generating and training, one after the other, as GRPO on policy does."""
        return self.prefill + self.decode + self.training


def step_seconds(setup: Setup, tokens: TrajectoryTokens) -> StepSeconds:
    """The seconds of one step, for trajectories of these tokens."""
    model, active = setup.model, setup.model.active
    per_engine = setup.trajectories / setup.engines
    fit = rollouts_that_fit(setup, tokens.total)
    concurrent = int(max(1, min(per_engine, fit, MAX_CONCURRENT)))
    # Every decoding step reads all weights (a batch takes all experts) and the caches of all
    # trajectories in it once, which are half full on average.
    held = concurrent * (kv_bytes_per_token(model) * tokens.total / 2 + model.state_bytes)
    bandwidth = setup.engine_gpus * setup.gpu.bandwidth * DECODE_EFFICIENCY
    decode_step = (weight_bytes(model) + held) / bandwidth
    # With prefix caching a prompt is read once for all its generations.
    read = setup.prompts * tokens.prompt + setup.trajectories * tokens.observed
    generating = setup.generating_gpus * setup.gpu.flops * PREFILL_EFFICIENCY
    trained = setup.trajectories * tokens.total
    trainer = setup.training_gpus * setup.gpu.flops * TRAINING_EFFICIENCY
    return StepSeconds(
        prefill=read * active * FORWARD_OPERATIONS / generating,
        decode=per_engine * tokens.of_model / concurrent * decode_step,
        training=trained * active * TRAINING_OPERATIONS / trainer,
        concurrent=concurrent,
    )


class JudgeLoad(FrozenModel):
    """Questions of a step, which come at once at its end. Rates are requests per second."""

    questions: int
    seconds_allowed: float
    rate_needed: float
    rate_of_a_replica: float
    replicas: int
    seconds_of_one_replica: float


def judge_load(trajectories: int, step_seconds: float, judge: JudgeSetup, gpu: Gpu) -> JudgeLoad:
    """The load of a step that takes so long without the judge, one question per trajectory.

    A reply is a token or two: in a full batch the cost is reading the question, by arithmetic.
    """
    operations = FORWARD_OPERATIONS * judge.parameters * JUDGE_TOKENS
    rate = judge.gpus * gpu.flops * PREFILL_EFFICIENCY / operations
    questions = math.ceil(trajectories * judge.asked_share)
    allowed = step_seconds * JUDGE_STEP_SHARE
    return JudgeLoad(
        questions=questions,
        seconds_allowed=allowed,
        rate_needed=questions / allowed,
        rate_of_a_replica=rate,
        replicas=math.ceil(questions / allowed / rate),
        seconds_of_one_replica=questions / rate,
    )

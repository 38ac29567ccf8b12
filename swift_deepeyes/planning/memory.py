"""Bytes: of the KV cache, of rollout engines, of the trainer. bf16 has 2 bytes, fp32 4."""

from __future__ import annotations

from swift_deepeyes.core.trajectory import FrozenModel
from swift_deepeyes.planning.gpus import GB
from swift_deepeyes.planning.models import ModelShape
from swift_deepeyes.planning.setup import Setup, Tuning
from swift_deepeyes.planning.tokens import TrajectoryTokens

BF16 = 2
FP32 = 4
# Weights and gradients in bf16; a master copy and Adam's two moments in fp32 (DeepSpeed ZeRO-3).
TRAINED_BYTES = BF16 + BF16 + 3 * FP32
# Estimate: vLLM's profiling run, CUDA graphs and the encoder's cache, per GPU.
ENGINE_RESERVE = 4 * GB
ZERO3_LIVE_PARAMETERS = 10**9  # stage3_max_live_parameters: gathered for the current layers
# pixel_values: 3 channels x 2 frames (an image is repeated) x fp32.
PIXEL_BYTES = 24
PATCHES_PER_TOKEN = 4


def kv_bytes_per_token(model: ModelShape) -> int:
    """Keys and values of one token in all layers."""
    return 2 * model.layers * model.kv_heads * model.head_dim * BF16


def weight_bytes(model: ModelShape) -> int:
    """The model's weights."""
    return model.parameters * BF16


def kv_cache_bytes(setup: Setup) -> int:
    """What one engine has left for its KV cache; negative where the model does not fit."""
    memory = setup.engine_gpus * setup.gpu.memory_bytes * setup.rollout_memory_share
    return int(memory - weight_bytes(setup.model) - setup.engine_gpus * ENGINE_RESERVE)


def rollouts_that_fit(setup: Setup, tokens: int) -> int:
    """Trajectories of so many tokens in one engine's KV cache, prompts not shared."""
    return max(0, kv_cache_bytes(setup) // (kv_bytes_per_token(setup.model) * tokens))


def lora_parameters(model: ModelShape, rank: int) -> int:
    """Parameters of adapters on all linear layers of the language model."""
    query, key = model.heads * model.head_dim, model.kv_heads * model.head_dim
    sides = [(model.hidden, query), (model.hidden, key), (model.hidden, key), (query, model.hidden)]
    sides += [(model.hidden, model.intermediate)] * 2 + [(model.intermediate, model.hidden)]
    return rank * model.layers * sum(inputs + outputs for inputs, outputs in sides)


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
        adapters = lora_parameters(model, setup.lora_rank)
        states = weight_bytes(model) // gpus + adapters * TRAINED_BYTES // gpus
    gathered = min(model.parameters, ZERO3_LIVE_PARAMETERS) * BF16 if gpus > 1 else 0
    image_pixels = tokens.images * model.token_side**2
    return TrainingMemory(
        states=states,
        gathered=gathered,
        activations=activation_bytes(model, tokens),
        # bf16, and once more in fp32 for the log-softmax; of the response only.
        logits=(tokens.of_model + tokens.observed) * model.vocabulary * (BF16 + FP32),
        pixels=image_pixels * PIXEL_BYTES * setup.micro_steps_per_generation,
    )


def offloaded_bytes(setup: Setup) -> int:
    """What DeepSpeed's offload puts into the memory of all training nodes together."""
    return setup.model.parameters * TRAINED_BYTES if setup.is_offloaded else 0


def activation_bytes(model: ModelShape, tokens: TrajectoryTokens) -> int:
    """Activations with gradient checkpointing: every layer's input, and one layer in full.

    In full, a layer holds its normed inputs, the attention's and the MLP's inputs and outputs;
    twice for their gradients. Attention itself is taken to need no quadratic memory.
    """
    per_token = 4 * model.hidden + (model.heads + 2 * model.kv_heads) * model.head_dim
    per_token += 3 * model.intermediate
    language = tokens.total * (model.layers * model.hidden + 2 * per_token) * BF16
    patches = tokens.images * PATCHES_PER_TOKEN
    vision = patches * model.vision_hidden * (model.vision_layers + 2 * 12) * BF16
    return language + vision

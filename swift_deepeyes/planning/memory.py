"""Bytes: of a rollout engine, of a GPU while it trains, and of a training node."""

from __future__ import annotations

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.planning import calibration
from swift_deepeyes.planning.models import BF16, FP32, ModelShape
from swift_deepeyes.planning.setup import Mode, Setup, TrajectoryTokens, Tuning

# Weights and gradients in bf16; a master copy and Adam's two moments in fp32 (DeepSpeed ZeRO-3).
TRAINED_BYTES = BF16 + BF16 + 3 * FP32
ZERO3_LIVE_PARAMETERS = 10**9  # stage3_max_live_parameters: gathered for the current layers
PIXEL_BYTES = 24  # pixel_values: 3 channels x 2 frames (an image is repeated) x fp32
LORA_RANK = 64
NODE_GPUS = 8


def kv_bytes_per_token(model: ModelShape) -> int:
    """Keys and values of one token in all layers that keep them."""
    return 2 * model.kv_layers * model.kv_heads * model.head_dim * BF16


def weight_bytes(model: ModelShape) -> int:
    """The model's weights."""
    return model.parameters * BF16


def engine_margin(setup: Setup) -> float:
    """What an engine's share must hold beside weights and KV cache: an assumption."""
    is_own_process = setup.mode is Mode.SERVER or setup.engine_gpus > 1
    return setup.engine_gpus * calibration.ENGINE_MARGIN if is_own_process else 0


def kv_cache_bytes(setup: Setup) -> int:
    """What one engine has left for its KV cache; negative where the model does not fit."""
    memory = setup.engine_gpus * setup.gpu.memory_bytes * setup.vllm_share
    return int(memory - weight_bytes(setup.model) - engine_margin(setup))


def rollouts_that_fit(setup: Setup, tokens: int) -> int:
    """Trajectories of so many tokens in one engine's KV cache, prompts not shared."""
    each = kv_bytes_per_token(setup.model) * tokens + setup.model.state_bytes
    return max(0, kv_cache_bytes(setup) // each)


def generating_memory(setup: Setup) -> int:
    """Bytes of a GPU while it generates: vLLM, and what the trainer leaves there."""
    vllm = setup.gpu.memory_bytes * setup.vllm_share + calibration.ENGINE_BEYOND_SHARE
    left = pixel_bytes(setup, setup.mean_tokens) if setup.mode is Mode.COLOCATE else 0
    return int(vllm + calibration.CUDA_CONTEXT + left)


def lora_parameters(model: ModelShape, rank: int) -> int:
    """Parameters of adapters on all linear layers of the language model."""
    return rank * model.adapter_sides


def state_bytes(setup: Setup) -> int:
    """A GPU's share of weights, gradients and optimizer."""
    model, gpus = setup.model, setup.training_gpus
    if setup.is_offloaded:
        return model.parameters * BF16 // gpus  # the gradients, until they are moved too
    each = TRAINED_BYTES if setup.has_deepspeed else calibration.PLAIN_TRAINED_BYTES
    if setup.tuning is Tuning.FULL:
        return model.parameters * each // gpus
    return (weight_bytes(model) + lora_parameters(model, LORA_RANK) * each) // gpus


def pixel_bytes(setup: Setup, tokens: TrajectoryTokens) -> int:
    """The pixels of all trajectories that wait on a GPU for their micro-step."""
    return tokens.images * setup.model.token_side**2 * PIXEL_BYTES * setup.waiting


class TrainingMemory(FrozenModel):
    """Bytes of a GPU while one trajectory is trained on."""

    states: int  # weights, gradients, optimizer: this GPU's share
    gathered: int
    inputs: int  # of every layer, kept for the backward pass
    layer: int  # the one that is repeated, in full
    logits: int
    pixels: int  # of all trajectories that wait for their micro-step
    others: int  # the CUDA context, and vLLM asleep

    @property
    def allocated(self) -> int:
        """What PyTorch has allocated at its peak.

        The logits are gone before a layer is repeated: the larger of the two counts.
        """
        peak = max(self.layer, self.logits)
        return self.states + self.gathered + self.inputs + self.pixels + peak

    @property
    def total(self) -> int:
        """With what is not PyTorch's, but without its cache of freed blocks."""
        return self.allocated + self.others


def training_memory(setup: Setup, tokens: TrajectoryTokens) -> TrainingMemory:
    """The trainer's memory per GPU, for a trajectory of these tokens and one per micro-step."""
    model = setup.model
    each = calibration.LOGIT_BYTES if setup.has_deepspeed else calibration.PLAIN_LOGIT_BYTES
    live = min(model.parameters, ZERO3_LIVE_PARAMETERS) * BF16
    asleep = calibration.SLEEPING_ENGINE if setup.mode is Mode.COLOCATE else 0
    trains_vision = setup.tuning is Tuning.FULL
    return TrainingMemory(
        states=state_bytes(setup),
        gathered=live if setup.training_gpus > 1 else 0,
        inputs=input_bytes(model, tokens, trains_vision),
        layer=layer_bytes(model, tokens, trains_vision),
        logits=(tokens.of_model + tokens.observed) * model.vocabulary * each,
        pixels=pixel_bytes(setup, tokens),
        others=int(calibration.CUDA_CONTEXT + asleep),
    )


def input_bytes(model: ModelShape, tokens: TrajectoryTokens, trains_vision: bool) -> int:
    """With gradient checkpointing every layer's input is kept; of a frozen vision tower nothing."""
    language = tokens.total * model.layers * model.hidden
    patches = tokens.images * model.merge**2 if trains_vision else 0
    return (language + patches * model.vision_layers * model.vision_hidden) * BF16


def layer_bytes(model: ModelShape, tokens: TrajectoryTokens, trains_vision: bool) -> int:
    """The largest layer in full: normed inputs, inputs and outputs of attention and MLP.

    Twice for their gradients. Attention itself is taken to need no quadratic memory.
    """
    per_token = 4 * model.hidden + (model.heads + 2 * model.kv_heads) * model.head_dim
    per_token += 3 * model.intermediate
    patches = tokens.images * model.merge**2 if trains_vision else 0
    return 2 * BF16 * max(tokens.total * per_token, patches * 12 * model.vision_hidden)


def offloaded_bytes(setup: Setup) -> int:
    """Weights, gradients and optimizer in the memory of all training nodes together."""
    return setup.model.parameters * TRAINED_BYTES if setup.is_offloaded else 0


class HostMemory(FrozenModel):
    """Bytes of a training node's own memory."""

    processes: int  # a trainer or an engine for each GPU, with its workers, caches and libraries
    moved: int  # what leaves the GPUs: offloaded or asleep

    @property
    def total(self) -> int:
        """Their sum."""
        return self.processes + self.moved


def host_memory(setup: Setup) -> HostMemory:
    """A training node's memory, with the rollout engines where one node is all there is."""
    ranks = min(NODE_GPUS, setup.training_gpus)
    processes = setup.gpus if setup.gpus <= NODE_GPUS else ranks
    moved = offloaded_bytes(setup) * ranks // setup.training_gpus
    if setup.mode is Mode.COLOCATE:
        asleep = weight_bytes(setup.model) // setup.engine_gpus
        each = asleep + (0 if setup.is_offloaded else state_bytes(setup))
        moved += ranks * each * calibration.MOVED_COPIES
    return HostMemory(processes=int(processes * calibration.HOST_PROCESS), moved=moved)

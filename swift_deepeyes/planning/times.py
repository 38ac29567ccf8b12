"""Seconds of one step, by its parts, and the judge's load at its end.

Constants are in `calibration`. Not planned: loading, saving, validation, and, where several GPUs
train, that each micro-step waits for the longest of their trajectories.
"""

from __future__ import annotations

import math

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.planning import calibration, memory
from swift_deepeyes.planning.gpus import Gpu
from swift_deepeyes.planning.models import BF16
from swift_deepeyes.planning.setup import JudgeSetup, Mode, Setup, TrajectoryTokens, Tuning

MAX_CONCURRENT = 256  # vLLM's max_num_seqs
# Operations per weight and token: forward 2; training repeats it (checkpointing) and goes backward
# to the inputs 2 and, where all is trained, to the weights 2.
FORWARD_OPERATIONS = 2
LORA_OPERATIONS, FULL_OPERATIONS = 6, 8
# ZeRO-3 gathers all weights for the old log-probabilities, forward, and repetition with backward.
GATHERS = 3
JUDGE_STEP_SHARE = 0.05  # of a step's time that the judge may add
JUDGE_QUESTION_TOKENS = 500  # the prompt with question and answers
JUDGE_TOKENS = JUDGE_QUESTION_TOKENS + 4  # and a guided reply: one choice


class StepSeconds(FrozenModel):
    """One step by its parts, one after the other as GRPO on policy does, without the judge."""

    generating: float  # the engines' calls, with encoding each turn's conversation
    switching: float  # weights to the engines; in colocate mode also their and the trainer's moves
    encoding: float  # trajectories for the trainer, on its main thread
    old_logps: (
        float  # one forward pass: ms-swift 4.6 runs it in every step, whatever the loss needs
    )
    training: float
    exchanging: float  # weights and gradients among the training GPUs, and with the nodes' memory
    concurrent: int  # trajectories at once per engine
    decoding_steps: int  # of one engine and generation

    @property
    def total(self) -> float:
        """Their sum."""
        generation = self.generating + self.switching
        return generation + self.encoding + self.old_logps + self.training + self.exchanging


def step_seconds(setup: Setup, tokens: TrajectoryTokens) -> StepSeconds:
    """The seconds of one step, for trajectories of these tokens."""
    each = setup.waiting * setup.training_gpus / setup.engines
    fit = memory.rollouts_that_fit(setup, tokens.total)
    concurrent = int(max(1, min(each, fit, MAX_CONCURRENT)))
    steps = _decoding_steps(setup, tokens, max(1, each / concurrent))
    generating = _generating(setup, tokens, each, steps)
    return StepSeconds(
        generating=setup.generations_of_a_step * generating,
        switching=_switching(setup),
        encoding=setup.micro_steps * calibration.ENCODE_SECONDS,
        old_logps=setup.micro_steps * forward_seconds(setup, tokens.total),
        training=setup.micro_steps * training_seconds(setup, tokens.total),
        exchanging=setup.micro_steps * _exchange_seconds(setup),
        concurrent=concurrent,
        decoding_steps=steps,
    )


def forward_seconds(setup: Setup, tokens: int) -> float:
    """The trainer's forward pass over one trajectory."""
    return setup.model.layers * calibration.LAUNCH_SECONDS + _arithmetic_seconds(
        setup, tokens * FORWARD_OPERATIONS
    )


def training_seconds(setup: Setup, tokens: int) -> float:
    """One micro-step of one trajectory: forward, its repetition, backward."""
    operations = LORA_OPERATIONS if setup.tuning is Tuning.LORA else FULL_OPERATIONS
    launching = 2 * setup.model.layers * calibration.LAUNCH_SECONDS
    return launching + _arithmetic_seconds(setup, tokens * operations)


def _arithmetic_seconds(setup: Setup, operations_per_weight: float) -> float:
    speed = setup.gpu.flops * calibration.TRAINING_EFFICIENCY
    return operations_per_weight * setup.model.active / speed


def _decoding_steps(setup: Setup, tokens: TrajectoryTokens, waves: float) -> int:
    """Steps of an engine until the last trajectory of a generation ends.

    In colocate mode turns go in lock-step: every round lasts as long as its longest turn.
    """
    lengths = setup.lengths
    if setup.mode is Mode.COLOCATE:
        turn = min(lengths.max_turn_tokens, calibration.TAIL * lengths.mean_turn_tokens)
        longest = lengths.max_turns * turn
    else:
        longest = min(lengths.max_response_tokens, calibration.TAIL * tokens.of_model)
    return round(longest + (waves - 1) * tokens.of_model)


def _generating(setup: Setup, tokens: TrajectoryTokens, each: float, steps: int) -> float:
    """One generation of `each` trajectories per engine."""
    model, gpu = setup.model, setup.gpu
    bandwidth = setup.engine_gpus * gpu.bandwidth * calibration.DECODE_EFFICIENCY
    # A step reads all weights once (a batch takes all experts); a token its trajectory's cache.
    context = tokens.prompt + (tokens.of_model + tokens.observed) / 2
    cache = memory.kv_bytes_per_token(model) * context + model.state_bytes
    decoding = steps * (memory.weight_bytes(model) / bandwidth + calibration.DECODE_OVERHEAD)
    decoding += each * tokens.of_model * cache / bandwidth
    # With prefix caching a prompt is read once for all its generations.
    read = each * (tokens.prompt / setup.generations + tokens.observed)
    speed = setup.engine_gpus * gpu.flops * calibration.PREFILL_EFFICIENCY
    decoding += read * model.active * FORWARD_OPERATIONS / speed
    turns = each * setup.lengths.mean_turns
    encoding = turns * calibration.ENCODE_SECONDS / calibration.ENCODE_THREADS
    # A server's engine goes on while the next conversations are encoded.
    return decoding + encoding if setup.mode is Mode.COLOCATE else max(decoding, encoding)


def _switching(setup: Setup) -> float:
    if setup.mode is Mode.COLOCATE:
        return setup.generations_of_a_step * calibration.SWITCH_SECONDS
    return memory.weight_bytes(setup.model) / calibration.SYNC_BANDWIDTH


def _exchange_seconds(setup: Setup) -> float:
    """What one micro-step moves between GPUs (ZeRO-3), and to the node's memory (offload)."""
    gpus = setup.training_gpus
    passes = GATHERS + (setup.tuning is Tuning.FULL)  # and the gradients, reduced
    moved = passes * setup.model.parameters * BF16
    link = setup.gpu.link * calibration.LINK_EFFICIENCY
    between = moved * (gpus - 1) / gpus / link
    return between + (moved / gpus / calibration.HOST_LINK if setup.is_offloaded else 0)


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
    rate = judge.gpus * gpu.flops * calibration.PREFILL_EFFICIENCY / operations
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

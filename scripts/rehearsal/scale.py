"""The real run's shape, smaller: limits by one divisor, fewer trajectories."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from rehearsal.script import Call, Script

PROMPTS, GENERATIONS = 4, 4
_PROMPT = 512  # tokens: the limit of prompts is scaled down to no less
_SHORT = 400  # tokens of a short prompt with a large image, and room for a last answer
_TURN = 130  # tokens of a turn with the smallest crop, in the toy's alphabet
_OBSERVATION = 58  # tokens of an observation beside its image
_FACTOR = 28  # pixels: the side of an image token


@dataclass(frozen=True)
class Scale:
    """The limits of a rehearsal. Tokens, pixels and counts; `divisor` says of what part of it."""

    divisor: int
    prompt: int
    context: int
    turn: int
    pixels: int
    max_turns: int
    max_images: int
    ranks: int
    nodes: int
    generations_per_update: int

    @property
    def view(self) -> tuple[int, int]:
        """Width and height of the largest image that the model sees."""
        tokens = self.pixels // _FACTOR**2
        sides = [(math.floor(tokens / high), high) for high in range(2, math.isqrt(tokens) + 1)]
        wide, high = max((s for s in sides if s[0] <= 2 * s[1]), key=lambda s: s[0] * s[1])
        return wide * _FACTOR, high * _FACTOR

    @property
    def full_turn(self) -> int:
        """Tokens of a turn such that two of them and their crops fill the context."""
        width, height = self.view
        observation = _OBSERVATION + 2 + width * height // _FACTOR**2
        return min(self.turn, (self.context - self.prompt - observation) // 2) - 20

    def settings(self, steps: int) -> dict[str, str]:
        """The variables that make a script's run this small; the batch for every trainer."""
        micro_steps = PROMPTS * GENERATIONS // (self.ranks * self.nodes)
        return {
            "PROMPTS": str(PROMPTS),
            "GENERATIONS": str(GENERATIONS),
            "MICRO_STEPS_PER_GENERATION": str(micro_steps // self.generations_per_update),
            "STEPS": str(steps),
            "SAVE_STEPS": "1",
            "MAX_PROMPT_TOKENS": str(self.prompt),
            "MAX_RESPONSE_TOKENS": str(self.context - self.prompt),
            "MAX_TURN_TOKENS": str(self.turn),
            "MAX_PIXELS": str(self.pixels),
            "NPROC_PER_NODE": str(self.ranks),
            "NNODES": str(self.nodes),
            "DEEPSPEED": "none",
            "ROLLOUT_DATA_PARALLEL": "1",
            "ROLLOUT_TENSOR_PARALLEL": "1",
            "JUDGE_TENSOR_PARALLEL": "1",
            "TENSOR_MODEL_PARALLEL": "1",
            "DATA_PROCESSES": "2",
        }


def scale_of(script: Script, shipped: Mapping[str, Call]) -> Scale:
    """From what the roles start as they are shipped."""
    train, environment = shipped["train"].settings, shipped["train"].environment
    engine = shipped["rollout"].settings if "rollout" in shipped else train
    prompt = int(train["max_length"][0])
    context = int(engine["vllm_max_model_len"][0])
    max_turns = int(engine["max_turns"][0])
    divisor = 1
    shortest = _SHORT + _TURN * (max_turns - 1)
    while min(prompt / _PROMPT, context / shortest) >= 2 * divisor:
        divisor *= 2
    per_generation = train["steps_per_generation"]
    micro_steps = train.get("gradient_accumulation_steps", per_generation)  # not Megatron's
    limit = engine.get("vllm_limit_mm_per_prompt", ['{"image": 32}'])  # not Ray's
    nodes, ranks = (int(environment.get(name, 1)) for name in ("NNODES", "NPROC_PER_NODE"))
    return Scale(
        divisor=divisor,
        prompt=prompt // divisor,
        context=context // divisor,
        turn=int(train["max_completion_length"][0]) // divisor,
        pixels=int(environment["MAX_PIXELS"]) // divisor,
        max_turns=max_turns,
        max_images=json.loads(limit[0])["image"],
        # Two are several; two nodes of one rank each are two commands, as on two machines.
        ranks=1 if nodes > 1 else min(ranks, 2),
        nodes=min(nodes, 2),
        generations_per_update=2 if micro_steps != per_generation else 1,
    )

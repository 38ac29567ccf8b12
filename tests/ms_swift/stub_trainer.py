"""What the callback needs of ms-swift's trainer, around real rewards."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from swift_deepeyes.ms_swift.callback import DeepEyesMetrics
from swift_deepeyes.ms_swift.rewards import DeepEyesReward


class Trainer:
    """What the callback needs of ms-swift's trainer, as rank 1 of 2."""

    def __init__(self) -> None:
        self.accelerator = SimpleNamespace(process_index=1, num_processes=2)
        self.model = SimpleNamespace(training=True)
        self.state = SimpleNamespace(global_step=0, max_steps=80, is_world_process_zero=True)
        self.num_generations, self.num_generations_eval = 4, 2
        self.dynamic_sample = False
        self.reward_func_names = ["DeepEyesReward"]
        self._metrics: dict[str, dict[str, list[float]]] = {
            "train": defaultdict(list),
            "eval": defaultdict(list),
        }
        self._logs: dict[str, Any] = {"advantages": [], "rewards": {}}
        self.args = SimpleNamespace(output_dir="output/run", learning_rate=1e-6)
        self.callback = DeepEyesMetrics(self.args, self)

    def score(self, answers: list[str], **columns: Any) -> list[float | None]:
        """A generation: this rank's rewards, then the trainer's own bookkeeping of both ranks'."""
        size = len(answers)
        given = {
            "data_source": ["vstar"] * size,
            "solution": ["red"] * size,
            "prompt_id": ["prompt_0"] * size,
            "request_id": [f"{self.state.global_step}-{n}-{id(answers)}" for n in range(size)],
            "trainer_state": self.state,
            **columns,
        }
        texts = [f"<answer>{answer}</answer>" for answer in answers]
        values = asyncio.run(DeepEyesReward()(texts, **given))
        self._logs["rewards"]["DeepEyesReward"] = [9.0] * size + list(values)
        self._logs["advantages"] = [9.0] * size + [float(n) for n in range(size)]
        self._metrics["train"]["frac_reward_zero_std"].append(0.5)
        return values

    def end_step(self) -> dict[str, float]:
        self.callback.on_step_begin(self.args, self.state, None)
        self.state.global_step += 1
        self.callback.on_step_end(self.args, self.state, None)
        logs = {name: sum(v) / len(v) for name, v in self._metrics["train"].items()}
        self._metrics["train"].clear()
        self.callback.on_log(self.args, self.state, None, {**logs, "loss": 0.0})
        return logs

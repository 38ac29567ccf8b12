"""ms-swift's own calling of reward functions, in the version that is installed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import torch

Row = Mapping[str, Any]
"""One trajectory as the trainer has it: messages, images, ..., and the dataset's columns."""

_SAMPLE_FIELDS = ("messages", "images", "request_id", "finish_reason", "rollout_infos")


def rewards_by_ms_swift(rows: Sequence[Row], functions: Sequence[Callable[..., Any]]) -> Any:
    """What the trainer makes of these functions: a tensor, one row per trajectory."""
    if find_spec("swift.rl_core") is not None:  # since 4.4
        return _by_the_algorithm(rows, functions)
    return _by_the_trainer(rows, functions)


def _by_the_algorithm(rows: Sequence[Row], functions: Sequence[Callable[..., Any]]) -> Any:
    from swift.rl_core.data import GRPOSample
    from swift.rl_core.grpo_algorithm import compute_rewards_per_func

    samples = [
        GRPOSample(
            **{name: row[name] for name in _SAMPLE_FIELDS if name in row},
            extra={name: value for name, value in row.items() if name not in _SAMPLE_FIELDS},
        )
        for row in rows
    ]
    return compute_rewards_per_func(samples, list(functions), [], torch.device("cpu"))


def _by_the_trainer(rows: Sequence[Row], functions: Sequence[Callable[..., Any]]) -> Any:
    from swift.rlhf_trainers.grpo_trainer import GRPOTrainer

    with _running_loop() as loop:
        trainer = SimpleNamespace(
            accelerator=SimpleNamespace(device=torch.device("cpu"), is_main_process=True),
            args=SimpleNamespace(report_to=[]),
            state=None,
            enable_server_multi_turn=False,
            reward_funcs=list(functions),
            reward_model_plugins=[None] * len(functions),
            reward_func_names=[type(function).__name__ for function in functions],
            _async_reward_func_indices=list(range(len(functions))),
            _disable_sp_context=lambda template: nullcontext(),
            async_reward_loop=loop,
        )
        return GRPOTrainer._compute_rewards_per_func(trainer, [dict(row) for row in rows])


@contextmanager
def _running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own, as those trainers have one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

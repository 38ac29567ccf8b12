"""The schedulers' hooks for an ms-swift that does not call them.

Since 4.3 ms-swift awaits `on_trajectory_start` and `on_turn_end`. Before, both of its drivers only
call `check_finished` and `step`, on the event loop, and what a scheduler has to tell about the last
turn is lost. These two drivers stand in for them: `run` on the rollout server, `run_batch` in the
trainer (colocate mode). They do what our scheduler needs and no more: every turn is a message of
its own, and `on_turn_end` alone knows when an episode is over.

Knows ms-swift's objects, but imports nothing from it: that is `ms_swift`'s business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from accelerate.utils import gather_object

OutputType = Callable[..., Any]
"""ms-swift's `RolloutOutput`."""


async def run(
    output_type: OutputType, scheduler: Any, request: Any, request_config: Any, **kwargs: Any
) -> Any:
    """One trajectory on a rollout server, from its prompt to its end."""
    await scheduler.on_trajectory_start([request])
    infos: dict[str, Any] = {}
    turn = 0
    while True:
        turn += 1
        response = await scheduler.infer_engine.infer_async(request, request_config, **kwargs)
        if await _is_over(scheduler, request, response, turn, infos):
            return _output(output_type, request, response, infos)
        scheduler.step(request, response.choices[0], turn)


def run_batch(
    output_type: OutputType,
    trainer: Any,
    inputs: Sequence[Any],
    first_outputs: Sequence[Any],
    request_config: Any,
) -> Any:
    """The trainer's trajectories, turn by turn, in the place of `_colocate_multi_turn_infer`.

    Every rank generates as often as the one with the longest trajectory, or the others would wait
    for it in vLLM for ever.
    """
    scheduler = trainer.multi_turn_scheduler
    requests = trainer.inputs2requests(inputs)
    asyncio.run(scheduler.on_trajectory_start(requests))
    infos: list[dict[str, Any]] = [{} for _ in requests]
    finished: list[Any] = [None] * len(requests)
    running, outputs = list(range(len(requests))), list(first_outputs)
    turn = 0
    while any(gather_object([bool(running)])):
        turn += 1
        responses = [output.response for output in outputs]
        over = asyncio.run(
            _all(
                _is_over(scheduler, requests[at], response, turn, infos[at])
                for at, response in zip(running, responses, strict=True)
            )
        )
        continued = []
        for at, response, is_over in zip(running, responses, over, strict=True):
            if is_over:
                finished[at] = _output(output_type, requests[at], response, infos[at])
            else:
                scheduler.step(requests[at], response.choices[0], turn)
                continued.append(at)
        running = continued
        outputs = trainer._rollout([requests[at] for at in running], request_config)
    return trainer._postprocess_rollout_outputs(inputs, finished)


async def _is_over(
    scheduler: Any, request: Any, response: Any, turn: int, infos: dict[str, Any]
) -> bool:
    """Append the turn to the conversation and let the scheduler look at it."""
    choice = response.choices[0]
    request.messages.append({"role": "assistant", "content": choice.message.content})
    result = await scheduler.on_turn_end(request, choice, turn)
    infos.update(result["rollout_infos"], num_turns=turn)
    return bool(result["done"])


async def _all(awaitables: Iterable[Awaitable[bool]]) -> list[bool]:
    return list(await asyncio.gather(*awaitables))


def _output(output_type: OutputType, request: Any, response: Any, infos: dict[str, Any]) -> Any:
    """A finished trajectory. As with these versions' own drivers, the last turn's ids are known."""
    ids = response.choices[0].token_ids
    return output_type(
        response=response,
        messages=request.messages,
        response_token_ids=[list(ids)] if ids else [],
        response_loss_mask=[[1] * len(ids)] if ids else [],
        rollout_infos=infos,
    )

"""ms-swift's two real drivers around a policy that is a Python function."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from swift.infer_engine.protocol import (
    ChatCompletionResponse,
    ChatCompletionResponseChoice,
    ChatMessage,
    RequestConfig,
    RolloutInferRequest,
    RolloutOutput,
    UsageInfo,
)
from swift.rollout import run_multi_turn

from swift_deepeyes.host.ms_swift import hand_over_template
from swift_deepeyes.host.scheduler import DeepEyesScheduler

Policy = Callable[[RolloutInferRequest], str]


def respond(policy: Policy, request: RolloutInferRequest, tokenizer: Any) -> Any:
    text = policy(request)
    ids = tokenizer.encode(text, add_special_tokens=False)
    choice = ChatCompletionResponseChoice(
        0, ChatMessage(role="assistant", content=text), "stop", token_ids=ids
    )
    return ChatCompletionResponse("toy", [choice], UsageInfo(1, 1, 2))


class StubEngine:
    """What `swift rollout` gives a scheduler, with a policy instead of vLLM."""

    def __init__(self, policy: Policy, template: Any, seconds: float = 0.0) -> None:
        self.policy, self.template, self.seconds = policy, template, seconds
        self.tokenizer = template.tokenizer
        self.max_model_len = 8192
        self.engine = SimpleNamespace()

    async def infer_async(self, request: Any, config: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(self.seconds)
        return respond(self.policy, request, self.tokenizer)


def run_server(
    policy: Policy, template: Any, requests: list[RolloutInferRequest], max_turns: int = 6
) -> tuple[list[RolloutOutput], DeepEyesScheduler]:
    """Server mode: `MultiTurnScheduler.run` for every request, all at once."""
    scheduler = DeepEyesScheduler(infer_engine=StubEngine(policy, template), max_turns=max_turns)

    async def run_all() -> list[RolloutOutput]:
        return await asyncio.gather(*(scheduler.run(r, RequestConfig()) for r in requests))

    return asyncio.run(run_all()), scheduler


def run_colocate(
    policy: Policy, template: Any, requests: list[RolloutInferRequest], max_turns: int = 6
) -> tuple[list[RolloutOutput], DeepEyesScheduler]:
    """Colocate mode: `run_multi_turn`, turn by turn over the batch."""
    from swift.rollout import invoke_async_hook

    scheduler = DeepEyesScheduler(
        max_turns=max_turns, tokenizer=template.tokenizer, template=template
    )
    # As the trainer's callback does it when training begins; nothing to do since 4.5.3.
    hand_over_template(SimpleNamespace(multi_turn_scheduler=scheduler, template=template))

    def rollout(batch: list[RolloutInferRequest], config: Any) -> list[RolloutOutput]:
        return [RolloutOutput(response=respond(policy, r, template.tokenizer)) for r in batch]

    invoke_async_hook(scheduler.on_trajectory_start(requests))
    outputs = run_multi_turn(
        requests, rollout(requests, None), scheduler, rollout, RequestConfig(), max_turns
    )
    return outputs, scheduler

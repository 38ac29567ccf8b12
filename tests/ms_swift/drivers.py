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

from swift_deepeyes.ms_swift.compat import CALLS_HOOKS, StdTemplateInputs, equip
from swift_deepeyes.ms_swift.request import row_options
from swift_deepeyes.ms_swift.scheduler import DeepEyesScheduler

ROWS_HAVE_OPTIONS = "chat_template_kwargs" in RolloutInferRequest.__dataclass_fields__  # since 4.3
Policy = Callable[[RolloutInferRequest], str]


def respond(
    policy: Policy, request: RolloutInferRequest, tokenizer: Any, template: Any = None
) -> Any:
    """What was sampled, as ms-swift's engines hand it over: behind the template's own prefix."""
    text = policy(request)
    ids = tokenizer.encode(text, add_special_tokens=False)
    if template is not None:
        text = response_prefix(template, request) + text
    logprobs = {"content": [{"logprob": -0.5} for _ in ids]}
    choice = ChatCompletionResponseChoice(
        0, ChatMessage(role="assistant", content=text), "stop", token_ids=ids, logprobs=logprobs
    )
    return ChatCompletionResponse("toy", [choice], UsageInfo(1, 1, 2))


def response_prefix(template: Any, request: RolloutInferRequest) -> str:
    """What `decode_generate_ids` puts in front of each turn."""
    if not hasattr(template, "_get_response_prefix"):  # before 4.3
        return template.response_prefix or ""
    options = row_options(getattr(request, "chat_template_kwargs", None))
    inputs = StdTemplateInputs(messages=[], chat_template_kwargs=options)
    return template._get_response_prefix(inputs) or ""


class StubEngine:
    """What `swift rollout` gives a scheduler, with a policy instead of vLLM."""

    def __init__(self, policy: Policy, template: Any, seconds: float = 0.0) -> None:
        self.policy, self.template, self.seconds = policy, template, seconds
        self.tokenizer = template.tokenizer
        self.max_model_len = 8192
        self.engine = SimpleNamespace()

    async def infer_async(self, request: Any, config: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(self.seconds)
        return respond(self.policy, request, self.tokenizer, self.template)


def run_server(
    policy: Policy, template: Any, requests: list[RolloutInferRequest], max_turns: int = 6
) -> tuple[list[RolloutOutput], DeepEyesScheduler]:
    """Server mode: `MultiTurnScheduler.run` for every request, all at once."""
    scheduler = DeepEyesScheduler(infer_engine=StubEngine(policy, template), max_turns=max_turns)

    async def run_all() -> list[RolloutOutput]:
        return await asyncio.gather(*(scheduler.run(r, RequestConfig()) for r in requests))

    return asyncio.run(run_all()), scheduler


def colocate_trainer(policy: Policy, template: Any, max_turns: int = 6) -> Any:
    """What a driver in colocate mode uses of ms-swift's trainer, equipped as by our callback."""

    def rollout(batch: list[RolloutInferRequest], config: Any) -> list[RolloutOutput]:
        return [
            RolloutOutput(response=respond(policy, r, template.tokenizer, template)) for r in batch
        ]

    trainer = SimpleNamespace(
        multi_turn_scheduler=DeepEyesScheduler(
            max_turns=max_turns, tokenizer=template.tokenizer, template=template
        ),
        template=template,
        inputs2requests=list,
        _rollout=rollout,
        _postprocess_rollout_outputs=lambda inputs, outputs: outputs,
    )
    equip(trainer)
    return trainer


def run_colocate(
    policy: Policy, template: Any, requests: list[RolloutInferRequest], max_turns: int = 6
) -> tuple[list[RolloutOutput], DeepEyesScheduler]:
    """Colocate mode, turn by turn over the batch: `run_multi_turn`, or before 4.3 ours."""
    trainer = colocate_trainer(policy, template, max_turns)
    scheduler, rollout = trainer.multi_turn_scheduler, trainer._rollout
    first, config = rollout(requests, None), RequestConfig()
    if not CALLS_HOOKS:
        return trainer._colocate_multi_turn_infer(requests, first, config), scheduler
    from swift.rollout import invoke_async_hook, run_multi_turn

    invoke_async_hook(scheduler.on_trajectory_start(requests))
    outputs = run_multi_turn(requests, first, scheduler, rollout, config, max_turns)
    return outputs, scheduler

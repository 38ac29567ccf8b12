"""Our drivers for an ms-swift that calls no hooks, beside the drivers of the installed one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from PIL import Image
from swift.infer_engine.protocol import RequestConfig, RolloutInferRequest, RolloutOutput

from swift_deepeyes.demo.families import family_template
from swift_deepeyes.episode.view import to_png
from swift_deepeyes.ms_swift import drivers
from swift_deepeyes.ms_swift.scheduler import DeepEyesScheduler
from tests.ms_swift.drivers import Policy, StubEngine, colocate_trainer, run_colocate, run_server

CALL = '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": %s}}</tool_call>'


@pytest.fixture(scope="module")
def template() -> Any:
    return family_template("qwen2_5_vl")


def request(number: int) -> RolloutInferRequest:
    return RolloutInferRequest(
        messages=[{"role": "user", "content": f"<image>\nQuestion {number}?"}],
        images=[to_png(Image.effect_noise((280, 196), 50))],
        data_dict={"env_name": "visual_toolbox_v2"},
        uuid=f"request-{number}",
    )


def policy(request: RolloutInferRequest) -> str:
    """Question n is answered after n calls; every second box is refused."""
    turn = sum(message["role"] == "assistant" for message in request.messages)
    if request.messages[0]["content"].endswith(f" {turn}?"):
        return "<answer>red</answer>"
    return CALL % ("[0, 0, 140, 112]" if turn % 2 == 0 else "[5, 5, 6, 6]")


def by_run(policy: Policy, template: Any, requests: list[Any]) -> tuple[list[Any], Any]:
    scheduler = DeepEyesScheduler(infer_engine=StubEngine(policy, template), max_turns=6)

    async def run_all() -> list[Any]:
        runs = [drivers.run(RolloutOutput, scheduler, r, RequestConfig()) for r in requests]
        return await asyncio.gather(*runs)

    return asyncio.run(run_all()), scheduler


def by_run_batch(policy: Policy, template: Any, requests: list[Any]) -> tuple[list[Any], Any]:
    trainer = colocate_trainer(policy, template)
    first, config = trainer._rollout(requests, None), RequestConfig()
    outputs = drivers.run_batch(RolloutOutput, trainer, requests, first, config)
    return outputs, trainer.multi_turn_scheduler


@pytest.mark.parametrize(("ours", "theirs"), [(by_run, run_server), (by_run_batch, run_colocate)])
def test_trajectories_are_those_of_ms_swifts_own_drivers(
    ours: Any, theirs: Any, template: Any
) -> None:
    outputs, scheduler = ours(policy, template, [request(number) for number in range(5)])
    expected, _ = theirs(policy, template, [request(number) for number in range(5)])
    assert [output.rollout_infos["num_turns"] for output in outputs] == [1, 2, 3, 4, 5]
    for output, other in zip(outputs, expected, strict=True):
        assert output.rollout_infos["deepeyes"] == other.rollout_infos["deepeyes"]
        assert len(output.rollout_infos.get("images", [])) == len(
            other.rollout_infos.get("images", [])
        )
        assert [m["role"] for m in output.messages] == [m["role"] for m in other.messages]
        last = output.response.choices[0].token_ids
        assert output.response_token_ids == [last] and output.response_loss_mask == [
            [1] * len(last)
        ]
    assert not scheduler._running


def test_an_error_ends_it_and_leaves_nothing_behind(template: Any) -> None:
    def fail(request: Any) -> str:
        if len(request.messages) > 1:
            raise ConnectionResetError
        return CALL % "[0, 0, 140, 112]"

    batch = [request(1), request(2)]
    for driver in (by_run, by_run_batch):
        with pytest.raises(ConnectionResetError):
            driver(fail, template, batch)

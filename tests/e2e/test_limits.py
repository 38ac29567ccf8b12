"""Limits of the host that a conversation meets in its later turns: none of them ends a run.

With the stable recipe, what they ended is not trained on.

`--max_length` is a little above the longest prompt, so every second turn is beyond it. With `left`
here, which no script of ours passes; with `delete`, as they have it, in `test_rehearsal.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Any

import pyarrow.parquet as pq
import pytest

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.processes import SwiftProcess
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.episode.trajectory import OVER_TURN, CallStatus, StopReason
from swift_deepeyes.ms_swift.compat import load_template
from swift_deepeyes.record.record import LoggedTrajectory
from tests.e2e.toy import Toy, logged, training_steps

pytestmark = pytest.mark.e2e
PLUGINS = Path(__file__).parent / "plugins"
# As scripts/recipe.sh has it.
STABLE = {
    "epsilon_high": "0.28",
    "dynamic_sample": "true",
    "loss_type": "dapo",
    "overlong_filter": "true",
    "rollout_importance_sampling_mode": "token_truncate",
}


@dataclass(frozen=True)
class Run:
    log: str
    rewards: list[dict[str, Any]]
    trajectories: list[LoggedTrajectory]
    prompts: list[dict[str, Any]]  # of every turn, as vLLM got them
    trained: list[int]  # tokens of each trajectory in the trainer's batch

    @property
    def stops(self) -> Counter[StopReason | None]:
        return Counter(one.trajectory.stop_reason for one in self.trajectories)


def train(
    toy: Toy, folder: Path, more: Mapping[str, str] = MappingProxyType({}), **values: str
) -> Run:
    """One step with 16 trajectories; `more`: of the environment."""
    names = ["count_tokens", *(["watch_masks"] if "WATCH_MASKS_FILE" in more else [])]
    arguments = [*toy.grpo(folder / "grpo", max_steps="1", **values), "--callbacks", *names]
    at = arguments.index(str(commands.TOY_PLUGIN)) + 1
    arguments[at:at] = [str(PLUGINS / f"{name}.py") for name in (*names, "watch_prompts")]
    environment = {
        "DEEPEYES_JUDGE": "rule",
        "DEEPEYES_LOG_DIR": str(folder / "log"),
        "COUNT_TOKENS_FILE": str(folder / "trained.jsonl"),
        "WATCH_PROMPTS_FILE": str(folder / "prompts.jsonl"),
        **more,
    }
    with SwiftProcess(arguments, folder / "train.log", environment) as process:
        process.wait(600)
    trained = [json.loads(line) for line in (folder / "trained.jsonl").read_text().splitlines()]
    prompts = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    return Run(
        log=process.read_log(),
        rewards=training_steps(folder / "grpo"),
        trajectories=logged(folder / "log"),
        prompts=prompts,
        trained=[line["tokens"] for line in trained],
    )


@pytest.fixture(scope="module")
def longest_prompt(toy: Toy) -> int:
    """In tokens, its image expanded: what the trainer compares with `--max_length`."""
    template = load_template(
        str(toy.checkpoint),
        QWEN2_5_VL.name,
        QWEN2_5_VL.template,
        None,
        [commands.TOY_PLUGIN],
    )
    template.set_mode("train")
    row = pq.read_table(toy.options.data / "toy_vstar.parquet").to_pylist()[0]  # all ask the same
    options = {"max_pixels": QWEN2_5_VL.view.pixels}
    prompt = {"messages": row["prompt"], "images": row["images"], "chat_template_kwargs": options}
    return len(template.encode(prompt)["input_ids"])


def test_max_length_far_below_the_conversation(
    toy: Toy, longest_prompt: int, tmp_path: Path
) -> None:
    limit = longest_prompt + 8
    run = train(toy, tmp_path, max_length=str(limit), truncation_strategy="left")
    assert len(run.rewards) == 1 and len(run.trajectories) == 16
    # Conversations end by themselves, and are beyond the limit for vLLM and for the trainer.
    assert run.stops[StopReason.CONTEXT_FULL] == 0 and run.stops[StopReason.ANSWERED]
    later = [prompt for prompt in run.prompts if prompt["images"] > 1]
    assert later and all(prompt["tokens"] > limit for prompt in later)
    assert len(later) >= sum(one.trajectory.crops > 0 for one in run.trajectories) > 0
    assert max(run.trained) > max(prompt["tokens"] for prompt in later)
    # No turn has lost the beginning of its system prompt.
    assert len({tuple(prompt["head"]) for prompt in run.prompts}) == 1


def test_one_image_per_prompt_and_the_stable_recipe(toy: Toy, tmp_path: Path) -> None:
    """No crop fits, so what asks for one runs out of images, and is not trained on."""
    run = train(
        toy,
        tmp_path,
        {"DEEPEYES_MASK_OVER_TURN": "true", "WATCH_MASKS_FILE": str(tmp_path / "masks.jsonl")},
        vllm_limit_mm_per_prompt='{"image": 1, "video": 0}',
        **STABLE,
    )
    assert len(run.rewards) == 1
    assert run.stops[StopReason.IMAGE_LIMIT] > 0
    for one in run.trajectories:
        assert one.trajectory.images == 1
        if one.trajectory.stop_reason is StopReason.IMAGE_LIMIT:
            assert [call.status for call in one.trajectory.calls] == [CallStatus.NOT_RUN]
            assert one.score.total == pytest.approx(-0.2), "the reward is what it was"
    check_masks(run, [json.loads(line) for line in (tmp_path / "masks.jsonl").open()])


def check_masks(run: Run, masks: list[tuple[str, int, int]]) -> None:
    """What is trained on, by id, and that the curves and the log say the same."""
    step, by_id = run.rewards[0], {one.id: one for one in run.trajectories}
    assert len(by_id) == len(run.trajectories) == step["deepeyes/trajectories"]
    assert len(masks) == 16
    cut = {*OVER_TURN, StopReason.LENGTH}
    for name, own, counted in masks:
        is_cut = by_id[name].trajectory.stop_reason in cut
        assert own > 0 and counted == (0 if is_cut else own)
    trained = {name for name, _, _ in masks}
    assert {one.id for one in run.trajectories if one.advantage is not None} == trained
    clipped = sum(counted == 0 for _, _, counted in masks)
    assert 0 < clipped < 16 and step["completions/clipped_ratio"] == clipped / 16
    shares = [one.trajectory.stop_reason in cut for one in run.trajectories]
    assert step["deepeyes/masked/share"] == pytest.approx(fmean(shares), abs=1e-6)
    assert "deepeyes/groups/all_right" in step and "rollout_correction/kl" in step

"""Real GRPO with Qwen3.5's classes and template: thoughts that the prompt opens, gated delta
attention, media tokens that the policy writes itself; with the engine beside, and on a server.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swift_deepeyes.demo.options import DemoFamily
from swift_deepeyes.demo.processes import SwiftProcess
from tests.e2e import parity
from tests.e2e.family_toys import FamilyRun, assert_learns_from_crops, family_toy, image_token
from tests.e2e.servers import rollout_servers, server_mode
from tests.e2e.toy import Toy, logged, training_steps

pytestmark = pytest.mark.e2e
FAULT, MEDIA = 2, 3  # steps, counted from 0


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return family_toy(tmp_path_factory.mktemp("toy"), DemoFamily.QWEN3_5)


@pytest.fixture(scope="module")
def run(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> FamilyRun:
    """Two steps as they should be; one in which the engine forgets; one with media tokens."""
    folder = tmp_path_factory.mktemp("qwen3_5")
    arguments = parity.watched(toy.grpo(folder / "grpo"), "plant", max_steps="4")
    planted = json.dumps({FAULT: "convolution", MEDIA: "media"})
    environment = parity.environment(toy, folder) | {"PLANT": planted}
    with SwiftProcess(arguments, folder / "train.log", environment) as trainer:
        trainer.wait(600)
    return FamilyRun(folder, toy, trainer.read_log())


def test_trainer_and_engine_have_the_same_tokens(run: FamilyRun) -> None:
    sides = parity.read_sides(run.folder, image_token(run.toy), 0, 1)
    sides.assert_same_tokens()
    sides.assert_scenes_and_crops()


def test_log_probabilities_agree_and_show_an_engine_at_fault(run: FamilyRun) -> None:
    found = parity.differences(run.folder / "grpo")
    for difference in found[:FAULT]:
        parity.assert_alike(difference)
    with pytest.raises(AssertionError):
        parity.assert_alike(found[FAULT])


def test_the_model_thinks_in_the_thought_that_its_prompt_opens(run: FamilyRun) -> None:
    assert "box frame      norm1000 (template toy_qwen3_5)" in run.said
    assert_learns_from_crops(run)
    trajectories = logged(run.folder / "log")
    assert all(one.trajectory.prompt_opens_thought for one in trajectories)


def test_media_tokens_of_its_own_do_not_end_the_training(run: FamilyRun) -> None:
    """Ms-swift #9287: `get_rope_index` looks for the image of each of them."""
    pad = image_token(run.toy)
    sides = parity.read_sides(run.folder, pad, MEDIA)
    sides.assert_scenes_and_crops()
    with_media = [turn for turn in sides.turns if pad in turn.wrote]
    assert len(with_media) > len(sides.turns) / 10
    sides.assert_only_prompts_have_media()
    steps = training_steps(run.folder / "grpo")
    assert len(steps) == MEDIA + 1 and steps[MEDIA]["grad_norm"] > 0
    # The tokens that are trained on are still compared with what was sampled.
    assert parity.differences(run.folder / "grpo")[MEDIA] is not None


def test_a_rollout_server_computes_the_same_with_every_steps_weights(
    toy: Toy, tmp_path: Path
) -> None:
    environment = parity.environment(toy, tmp_path)
    with rollout_servers(toy, tmp_path, 1, environment, parity.WATCH) as servers:
        before = servers[0].log_probabilities("What?")
        arguments = parity.watched(server_mode(toy, tmp_path / "grpo", servers))
        with SwiftProcess(arguments, tmp_path / "train.log", environment) as trainer:
            trainer.wait(600)
        after = servers[0].log_probabilities("What?")
    assert before != pytest.approx(after, abs=1e-3)
    found = parity.differences(tmp_path / "grpo")
    assert len(found) == parity.STEPS
    for difference in found:
        parity.assert_alike(difference)
    sides = parity.read_sides(tmp_path, image_token(toy))
    sides.assert_same_tokens()
    sides.assert_scenes_and_crops()

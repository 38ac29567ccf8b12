"""Real GRPO with Qwen3-VL's classes, template and boxes; an engine at fault does not go unseen."""

from __future__ import annotations

import json

import pytest

from swift_deepeyes.demo.options import DemoFamily
from swift_deepeyes.demo.processes import SwiftProcess
from tests.e2e import parity
from tests.e2e.family_toys import FamilyRun, assert_learns_from_crops, family_toy, image_token

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FamilyRun:
    """Two steps as they should be, and one in which the engine loses what deepstack adds."""
    folder = tmp_path_factory.mktemp("qwen3_vl")
    toy = family_toy(folder / "toy", DemoFamily.QWEN3_VL)
    arguments = parity.watched(toy.grpo(folder / "grpo"), "plant", max_steps="3")
    environment = parity.environment(toy, folder) | {"PLANT": json.dumps({2: "deepstack"})}
    with SwiftProcess(arguments, folder / "train.log", environment) as trainer:
        trainer.wait(600)
    return FamilyRun(folder, toy, trainer.read_log())


def test_trainer_and_engine_have_the_same_tokens(run: FamilyRun) -> None:
    sides = parity.read_sides(run.folder, image_token(run.toy), 0, 1)
    sides.assert_same_tokens()
    sides.assert_scenes_and_crops()


def test_log_probabilities_agree_and_show_an_engine_at_fault(run: FamilyRun) -> None:
    *healthy, faulty = parity.differences(run.folder / "grpo")
    assert len(healthy) == parity.STEPS
    for difference in healthy:
        parity.assert_alike(difference)
    with pytest.raises(AssertionError):
        parity.assert_alike(faulty)


def test_boxes_are_thousandths_and_crops_are_their_rooms(run: FamilyRun) -> None:
    assert "box frame      norm1000 (template toy_qwen3_vl)" in run.said
    assert_learns_from_crops(run)

"""The adapter between ms-swift's versions: what it does where a newer version does it itself."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from swift_deepeyes.host.ms_swift import Scheduler, UnsupportedMsSwift, hand_over_template
from swift_deepeyes.host.scheduler import DeepEyesScheduler


def test_the_trainers_template_is_handed_over_once() -> None:
    """Before 4.5.3 a scheduler in colocate mode gets none from ms-swift."""
    scheduler = DeepEyesScheduler(max_turns=3)
    hand_over_template(SimpleNamespace(multi_turn_scheduler=scheduler, template="the trainer's"))
    assert scheduler.template == "the trainer's"
    hand_over_template(SimpleNamespace(multi_turn_scheduler=scheduler, template="another"))
    assert scheduler.template == "the trainer's"


@pytest.mark.parametrize("scheduler", [None, object()])
def test_other_trainers_are_left_alone(scheduler: object) -> None:
    hand_over_template(SimpleNamespace(multi_turn_scheduler=scheduler))
    hand_over_template(SimpleNamespace())


def test_a_server_has_its_engines_template() -> None:
    scheduler = DeepEyesScheduler(
        infer_engine=SimpleNamespace(template="the engine's", tokenizer=None)
    )
    assert scheduler.template == "the engine's"


def test_no_template_at_all_is_an_error_that_names_the_fix() -> None:
    with pytest.raises(UnsupportedMsSwift, match=r'pip install "ms-swift>=4\.5\.3"'):
        _ = Scheduler(max_turns=3).template

"""The adapter between ms-swift's versions: what it does where a newer version does it itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from swift_deepeyes.ms_swift import compat
from swift_deepeyes.ms_swift.compat import Scheduler, UnsupportedMsSwiftError, add_callback, equip
from swift_deepeyes.ms_swift.scheduler import DeepEyesScheduler


def test_the_trainers_template_is_handed_over_once() -> None:
    """Before 4.5.3 a scheduler in colocate mode gets none from ms-swift."""
    scheduler = DeepEyesScheduler(max_turns=3)
    equip(SimpleNamespace(multi_turn_scheduler=scheduler, template="the trainer's"))
    assert scheduler.template == "the trainer's"
    equip(SimpleNamespace(multi_turn_scheduler=scheduler, template="another"))
    assert scheduler.template == "the trainer's"


@pytest.mark.parametrize("scheduler", [None, object()])
def test_other_trainers_are_left_alone(scheduler: object) -> None:
    equip(SimpleNamespace(multi_turn_scheduler=scheduler))
    equip(SimpleNamespace())


@pytest.mark.parametrize("name", ["template", "default_template"])  # the latter before 4.0
def test_a_server_has_its_engines_template(name: str) -> None:
    engine = SimpleNamespace(**{name: "the engine's"}, tokenizer=None)
    assert DeepEyesScheduler(infer_engine=engine).template == "the engine's"


@pytest.mark.parametrize("engine", [None, SimpleNamespace(tokenizer=None, engine=None)])
def test_no_template_at_all_is_an_error_that_names_the_fix(engine: object) -> None:
    with pytest.raises(UnsupportedMsSwiftError, match=r'pip install "ms-swift>=4\.5\.3"'):
        _ = Scheduler(infer_engine=engine, max_turns=3).template


class Callback:
    def __init__(self, args: object, trainer: object) -> None:
        self.args, self.trainer = args, trainer


class AskingTrainer:
    """Since 4.3."""

    def __init__(self, *added: object) -> None:
        self.args, self.added = "arguments", added
        self.callbacks = self._get_callbacks(self.args)

    def _get_callbacks(self, args: object) -> list[object]:
        return list(self.added)


class ToldTrainer:
    def __init__(self, *added: object) -> None:
        self.args, self.callbacks = "arguments", list(added)
        self.callback_handler, self.add_callback = self, self.callbacks.append


@pytest.mark.parametrize("trainer_type", [AskingTrainer, ToldTrainer])
def test_a_grpo_trainer_gets_a_callback_unless_it_has_it(
    trainer_type: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = type("SwiftMixin", (trainer_type,), {})
    grpo = type("GRPOTrainer", (base,), {"_prepare_rewards": None})
    monkeypatch.setattr(compat, "SwiftMixin", base)
    monkeypatch.setattr(compat, "callbacks_map", {})
    monkeypatch.setattr(compat, "_added", set())
    for _ in range(2):  # the plugin may be loaded more than once
        add_callback("name", Callback)
    assert compat.callbacks_map == {"name": Callback}
    trainer = grpo()
    (callback,) = trainer.callbacks
    assert (callback.args, callback.trainer) == ("arguments", trainer)
    assert grpo(callback).callbacks == [callback]
    assert base().callbacks == []

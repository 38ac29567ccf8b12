"""What a training run says on the console: what it is, then one line for each logged step."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from swift_deepeyes.metrics.pace import Pace
from swift_deepeyes.metrics.step_line import step_line
from swift_deepeyes.ms_swift.beginning import Beginning
from swift_deepeyes.ms_swift.compat import Scheduler
from swift_deepeyes.ms_swift.rewards import reward_classes
from swift_deepeyes.ms_swift.speech.banner import Facts, introduce_run
from swift_deepeyes.ms_swift.speech.console import say


class Speech:
    """Of one trainer; silent until `introduce`, and where no part of ours is in the run."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._speaks = False
        self._said_step = -1

    def introduce(self, trainer: Any, args: Any, beginning: Beginning) -> Facts:
        """Say what the run is, and return it."""
        own = {reward.__name__ for reward in reward_classes().values()}
        has_reward = not own.isdisjoint(trainer.reward_func_names)
        scheduler = getattr(trainer, "multi_turn_scheduler", None)
        self._speaks = has_reward or isinstance(scheduler, Scheduler)
        if not self._speaks:
            return {}
        template = getattr(trainer, "template", None)
        return introduce_run(scheduler, args, template, has_reward, beginning)

    def reach(self, step: int) -> None:
        """So many steps are done now."""
        self._pace.reach(step, time.monotonic())

    def say_step(self, step: int, steps: int, logs: Mapping[str, object]) -> None:
        """Say how a step went, once, by what the trainer logs of it; not an evaluation's log."""
        if not self._speaks or step == self._said_step:
            return
        line = step_line(step, steps, logs, self._pace.left(steps))
        if line is not None:
            self._said_step = step
            say(line)

"""Everything that lives as long as the process: one object, and one way to begin anew.

ms-swift builds rewards, scheduler and callback independently of each other and several times; what
they share is here. Nothing in it belongs to an event loop, but for the batches in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import cached_property
from typing import Any

from torch.distributed.elastic.multiprocessing.errors import get_error_handler

from swift_deepeyes.judge import Judge, make_judge
from swift_deepeyes.ms_swift.recorder import Recorder
from swift_deepeyes.once import forget_warnings, warn_once
from swift_deepeyes.scoring.score import SampleScore
from swift_deepeyes.settings import Settings, read_settings
from swift_deepeyes.tools.family_prompt import PromptForm

logger = logging.getLogger(__name__)

Batch = tuple[int, ...]


class Process:
    """The state of this process (`process`); each part is made when it is first needed."""

    def __init__(self) -> None:
        self.run_arguments: Any = None
        """The run's `RLHFArguments`/`GRPOConfig`; None where there is no run, or not yet."""

        self.scheduler: Any = None
        """The last scheduler of ours that was made in this process; None: there is none here."""

        self.has_said = False
        """Whether the rewards have said what the run is; they do where no callback of ours runs."""

        self.template_facts: dict[str, str] = {}
        """What the trainer's template does (`checks/thinking`); empty: unknown."""

        self.prompt_form: PromptForm | None = None
        """How the run's model is told of its tools; None: no run has said so yet."""

        self.in_flight: dict[Batch, asyncio.Task[list[SampleScore]]] = {}
        """Batches that are being scored, by the identity of their lists."""

        self.view_sizes: list[list[int]] = []
        """At which sizes the trainer's template shows images (`checks`); empty: unknown."""

        self._has_met_judge = False

    @cached_property
    def settings(self) -> Settings:
        """The environment, read once. Raises `SettingsError`."""
        return read_settings()

    @cached_property
    def judge(self) -> Judge:
        """The judge, made when it is first needed."""
        return make_judge(self.settings)

    @cached_property
    def recorder(self) -> Recorder:
        """The collector of what the rewards see."""
        return Recorder(self.settings)

    def meet_judge(self) -> None:
        """Find out, once, whether the judge is there. Raises `JudgeError`."""
        if not self._has_met_judge:
            self._has_met_judge = True
            asyncio.run(self.judge.meet())

    def remember_arguments(self, args: Any) -> None:
        """Keep the run's arguments for whoever is not told them; None changes nothing."""
        if args is not None:
            self.run_arguments = args

    def warn_once(self, key: str, message: str) -> None:
        """Warn, unless this process has warned under this key."""
        warn_once(logger, key, message)

    def reset(self) -> None:
        """Begin as a fresh process does. What the recorder holds is written first."""
        recorder = self.__dict__.get("recorder")
        if recorder is not None:
            recorder.close()
        self.__dict__.clear()
        forget_warnings()
        self.__init__()  # type: ignore[misc]  # the same object: other modules hold it


process = Process()


def tell_launcher(error: Exception) -> None:
    """Have torchrun's closing report name `error`; does nothing where there is no torchrun.

    By itself torchrun only says that a rank failed: the reason would stand above the tracebacks of
    all ranks that waited for the one that ended.
    """
    try:
        # The handler takes the traceback of what is being handled: the error's own is forty lines
        # of coroutines, and its message says everything.
        raise type(error)(str(error)) from None
    except type(error) as bare:
        with contextlib.suppress(OSError):
            get_error_handler().record_exception(bare)

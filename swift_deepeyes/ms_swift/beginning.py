"""Where a run begins: anew, or after a step whose checkpoint it goes on from."""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object

from swift_deepeyes.counted import counted
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.record.record import SUPERSEDED_FOLDER

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Beginning:
    """`step`: done before; `moved`: lines of the log of later steps, now in `aside`."""

    step: int = 0
    checkpoint: str | None = None
    has_memory: bool = True
    moved: int = 0
    aside: Path | None = None

    @property
    def facts(self) -> dict[str, str]:
        """For the log: without paths."""
        return {"resumed": f"after step {self.step}{self._forgot}"} if self.step else {}

    @property
    def shown(self) -> dict[str, str]:
        """For the screen."""
        facts = self.facts
        if self.step and self.checkpoint:
            facts["resumed"] = f"after step {self.step}, {self.checkpoint}{self._forgot}"
        if self.moved:
            lines = counted(self.moved, "line")
            facts["superseded"] = f"{lines} of steps after {self.step}, now in {self.aside}"
        return facts

    @property
    def _forgot(self) -> str:
        return "" if self.has_memory else " (alarms begin anew: it holds nothing of ours)"


ANEW = Beginning()


def own_the_log(run: str, step: int) -> tuple[int, Path | None]:
    """Set the log's lines of later steps aside, on every machine; how many lines, and where.

    All ranks call this at once, and nobody has written yet. Where machines share the directory, the
    first one that comes finds the lines: so one comes after the other.
    """
    me = f"{socket.gethostname()}-{os.getpid()}"
    name = f"{run}-after-step-{step}"
    moved = 0
    for turn in gather_object([me if process.recorder.is_first_of_machine else ""]):
        if turn:
            mine = process.recorder.set_aside(step, name) if turn == me else 0
            moved += sum(gather_object([mine]))
    folder = process.recorder.log_folder
    aside = folder.absolute() / SUPERSEDED_FOLDER / name if folder is not None else None
    return moved, aside


def hide_later_curves(trainer: Any, step: int) -> None:
    """Have TensorBoard forget what it was told of later steps: they come again."""
    from tensorboard.compat.proto.event_pb2 import (  # type: ignore[import-untyped]
        Event,
        SessionLog,
    )

    for callback in trainer.callback_handler.callbacks:
        writer = getattr(callback, "tb_writer", None)
        if writer is not None:
            session = SessionLog(status=SessionLog.START)
            writer.file_writer.add_event(Event(step=step + 1, session_log=session))
            writer.flush()

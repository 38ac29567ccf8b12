"""What a run must know of its past to go on from a checkpoint: kept in the checkpoint itself.

It lies in `trainer_state.json`, which the trainer writes and loads, so it belongs to the step of
the weights beside it, whatever became of the log directory.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.metrics.alarms import Observation

logger = logging.getLogger(__name__)

_KEY = "deepeyes_metrics"


class RunMemory(FrozenModel):
    """`observed`: what alarms saw; `curves`: those that have begun; `drawn`: of each rank."""

    observed: tuple[Observation, ...] = ()
    curves: tuple[str, ...] = ()
    drawn: tuple[Mapping[str, int], ...] = ()

    def drawn_by(self, rank: int, ranks: int) -> Mapping[str, int]:
        """What a rank has drawn from the reserves; nothing where there were other ranks."""
        return self.drawn[rank] if len(self.drawn) == ranks else {}


def keep(state: Any, memory: RunMemory) -> None:
    """Have the trainer's next checkpoint hold it, where its state has a place for that."""
    if isinstance(getattr(state, "stateful_callbacks", None), dict):
        state.stateful_callbacks[_KEY] = {"args": {}, "attributes": memory.model_dump(mode="json")}


def recall(state: Any) -> RunMemory | None:
    """What the checkpoint holds that the trainer has loaded; None: nothing that can be read."""
    kept = (getattr(state, "stateful_callbacks", None) or {}).get(_KEY)
    if kept is None:
        return None
    try:
        return RunMemory.model_validate(kept["attributes"])
    except (ValidationError, KeyError, TypeError) as error:
        logger.warning("What alarms saw before cannot be read from the checkpoint: %s", error)
        return None

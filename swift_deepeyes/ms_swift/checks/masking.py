"""Over-turn masking: whether it masks anything, and whether the rollout server does it too.

The scheduler marks trajectories as truncated, in server mode in the server's process and by the
server's settings; the trainer's `--overlong_filter` leaves them out of the loss. Either alone does
nothing that anyone would notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swift_deepeyes.episode.trajectory import OVER_TURN, RECORD_KEY
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.ms_swift.process import process

_VARIABLE = "DEEPEYES_MASK_OVER_TURN"


class MaskingError(DeepEyesError):
    """Over-turn masking would not work as it was asked for; the message names the settings."""


def check_masking(args: Any) -> None:
    """Look at a run's arguments. Raises `MaskingError` where nothing would be masked."""
    if process.settings.mask_over_turn and not getattr(args, "overlong_filter", True):
        raise MaskingError(
            f"{_VARIABLE}=true masks nothing without --overlong_filter true (OVERLONG_FILTER=true "
            "for our scripts): it only marks trajectories as truncated"
        )


def check_marks(rows: Sequence[Mapping[str, Any]]) -> None:
    """Look whether over-turn trajectories of a batch are marked. Raises `MaskingError`.

    `rows`: the columns that a reward function is given, row by row.
    """
    wanted = process.settings.mask_over_turn
    for row in rows:
        is_marked = row.get("is_truncated")
        if isinstance(is_marked, bool) and is_marked is not wanted and _is_over_turn(row):
            raise MaskingError(
                f"{_VARIABLE} is {_word(wanted)} in this trainer and {_word(is_marked)} on the "
                "rollout server. The fix: the same value for both (RECIPE for our scripts)"
            )


def _word(value: bool) -> str:
    return str(value).lower()


def _is_over_turn(row: Mapping[str, Any]) -> bool:
    infos = row.get("rollout_infos")
    record = infos.get(RECORD_KEY) if isinstance(infos, Mapping) else None
    reason = record.get("stop_reason") if isinstance(record, Mapping) else None
    return isinstance(reason, str) and reason in OVER_TURN

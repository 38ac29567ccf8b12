"""What is asked of a checkpoint before a run goes on from it: ms-swift loads it minutes later.

transformers trains one step more where none is left, and begins at step 0, without a word, where
the checkpoint does not say its step.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from swift_deepeyes.errors import DeepEyesError

logger = logging.getLogger(__name__)

_STATE_FILE, _ARGUMENTS_FILE = "trainer_state.json", "args.json"  # of a checkpoint
_ORDER_OF_ROWS = (
    "dataset",
    "split_dataset_ratio",
    "dataset_shuffle",
    "data_seed",
    "seed",
    "num_generations",
    "max_length",
)


class ResumeError(DeepEyesError, ValueError):
    """A run cannot go on from its checkpoint; the message says why, and the fix."""


def check_resume(args: Any) -> None:
    """Raises `ResumeError`; warns of settings that give another order of rows than before."""
    given = getattr(args, "resume_from_checkpoint", None)
    if not given or getattr(args, "resume_only_model", False):
        return
    checkpoint = Path(given)
    step, last = _step_of(checkpoint), getattr(args, "max_steps", None) or 0
    if 0 < last <= step:
        raise ResumeError(
            f"--resume_from_checkpoint {checkpoint} is at step {step}, and --max_steps is {last}: "
            "nothing is left to train. The fix: a larger --max_steps"
        )
    for name, before, now in _changed(args, checkpoint):
        logger.warning(
            "--%s is %s and was %s when %s was written: from here on the rows come in another "
            "order, and some may come twice",
            name,
            now,
            before,
            checkpoint,
        )


def _step_of(checkpoint: Path) -> int:
    try:
        return int(json.loads((checkpoint / _STATE_FILE).read_bytes())["global_step"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResumeError(
            f"--resume_from_checkpoint {checkpoint} is not a whole checkpoint: {_STATE_FILE} "
            f"cannot be read ({type(error).__name__}: {error}). The fix: an earlier checkpoint, or "
            "RESUME=auto of our scripts, which finds the newest whole one"
        ) from None


def _changed(args: Any, checkpoint: Path) -> list[tuple[str, object, object]]:
    try:
        before = json.loads((checkpoint / _ARGUMENTS_FILE).read_bytes())
    except (OSError, ValueError):  # ms-swift's courtesy, which another tool need not write
        return []
    if not isinstance(before, dict):
        return []
    now = {name: getattr(args, name, None) for name in _ORDER_OF_ROWS if name in before}
    return [(name, before[name], value) for name, value in now.items() if before[name] != value]

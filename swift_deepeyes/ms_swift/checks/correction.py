"""Importance-sampling correction needs the policy's own probabilities (ms-swift #8442).

vLLM reports those after top-p, top-k, min-p and repetition penalty, the trainer has those before
them, so the correction would take what sampling cut off for a difference of the two.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger(__name__)

_HARMLESS: Mapping[str, tuple[float | None, ...]] = {
    "top_p": (None, 1),
    "top_k": (None, -1, 0),
    "min_p": (None, 0),
    "repetition_penalty": (None, 1),
}


def warn_of_correction(args: Any) -> None:
    """Warn of a run's arguments where the correction would be wrong."""
    mode = getattr(args, "rollout_importance_sampling_mode", None)
    given = {name: getattr(args, name, None) for name in _HARMLESS}
    wrong = [f"--{name} {value}" for name, value in given.items() if value not in _HARMLESS[name]]
    if mode and wrong:
        logger.warning(
            "--rollout_importance_sampling_mode %s is wrong with %s: vLLM's probabilities are "
            "those after it, the trainer's those before. The fix: leave out one of the two",
            mode,
            " ".join(wrong),
        )

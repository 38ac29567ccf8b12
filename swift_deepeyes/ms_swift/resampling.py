"""What dynamic sampling keeps: it scores several batches and trains on parts of them.

Nothing that the trainer leaves says which trajectories those are; so its method tells it, here.
Knows ms-swift's objects, but imports nothing from it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from accelerate.utils import gather_object


def watch_resampling(trainer: Any, keep: Callable[[Sequence[str]], None]) -> None:
    """Have the trainer call `keep` with the request ids of what it keeps, of all ranks in order."""
    original = getattr(trainer, "_dynamic_sampling", None)
    if original is None:
        return

    @functools.wraps(original)
    def dynamic_sampling(*args: Any, **kwargs: Any) -> Any:
        samples, *rest = original(*args, **kwargs)
        keep(gather_object([_request_id(sample) for sample in samples]))
        return samples, *rest

    trainer._dynamic_sampling = dynamic_sampling


def _request_id(sample: Any) -> str:
    """Samples are rows in older versions."""
    return str(sample["request_id"] if isinstance(sample, Mapping) else sample.request_id)

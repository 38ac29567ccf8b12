"""ms-swift, whichever version is installed: the only file that knows how they differ.

The rest of this room takes ms-swift's names from here. What differs is found by looking at what is
there, not by a version number, so that a backport counts as what it can do:

- Since 4.5.3 a scheduler reports the token ids of each turn (`get_response_token_data`), and is
  handed the template in colocate mode. Before, ms-swift encodes the texts of all turns but the last
  once more, and the trainer's callback brings the template (`hand_over_template`).
- Before 4.3 schedulers have no asynchronous hooks; those versions are refused, with one message.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from packaging.version import Version

OLDEST = Version("4.3")
INSTALLED = Version(version("ms-swift"))


class UnsupportedMsSwift(ImportError):
    """The installed ms-swift is too old for this package."""


if INSTALLED < OLDEST:
    raise UnsupportedMsSwift(
        f"swift-deepeyes needs ms-swift {OLDEST} or later and found {INSTALLED}, whose schedulers "
        f'have no asynchronous hooks. The fix: pip install "ms-swift>={OLDEST}"'
    )

import swift.dataset.register as dataset_register  # noqa: E402
from swift.callbacks import TrainerCallback, callbacks_map  # noqa: E402
from swift.dataset import DatasetMeta  # noqa: E402
from swift.dataset.preprocessor import AutoPreprocessor, MessagesPreprocessor  # noqa: E402
from swift.rewards import AsyncORM, orms  # noqa: E402
from swift.rollout import MultiTurnScheduler, multi_turns  # noqa: E402
from swift.template.vision_utils import load_image  # noqa: E402
from swift.trainers.mixin import SwiftMixin  # noqa: E402

__all__ = [
    "AsyncORM", "AutoPreprocessor", "DatasetMeta", "MessagesPreprocessor", "Scheduler",
    "SwiftMixin", "TrainerCallback", "callbacks_map", "dataset_register", "hand_over_template",
    "load_image", "load_template", "multi_turns", "orms",
]  # fmt: skip

REPORTS_TOKEN_IDS = hasattr(MultiTurnScheduler, "get_response_token_data")


class Scheduler(MultiTurnScheduler):  # type: ignore[misc]  # ms-swift has no types
    """ms-swift's multi-turn scheduler, with what older versions lack."""

    _template: Any = None  # what the base's constructor sets where it is handed one

    @property
    def template(self) -> Any:
        """The template of this process: given in colocate mode, the engine's on a server."""
        if self._template is not None:
            return self._template
        if self.infer_engine is not None:
            return self.infer_engine.template
        raise UnsupportedMsSwift(
            f"ms-swift {INSTALLED} hands a scheduler no template in this mode. The fix: "
            'pip install "ms-swift>=4.5.3", or a rollout server (--vllm_mode server)'
        )


def hand_over_template(trainer: Any) -> None:
    """Give the trainer's own scheduler (colocate mode) the template, where ms-swift did not."""
    scheduler = getattr(trainer, "multi_turn_scheduler", None)
    if isinstance(scheduler, Scheduler) and scheduler._template is None:
        scheduler._template = trainer.template


def load_template(
    model: str,
    model_type: str | None,
    template_type: str | None,
    max_pixels: int | None,
    external_plugins: Sequence[Path],
) -> Any:
    """A model's template as `swift rlhf` builds it from the same arguments, without weights."""
    from swift.model import get_processor
    from swift.template import get_template
    from swift.utils.utils import import_external_file

    for path in external_plugins:
        import_external_file(str(path))
    processor = get_processor(model, model_type=model_type)
    return get_template(processor, template_type=template_type, max_pixels=max_pixels)

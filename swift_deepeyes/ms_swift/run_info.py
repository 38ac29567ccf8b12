"""What a log directory is told of a training run (`run.json`)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.records import TRAIN
from swift_deepeyes.ms_swift.speech.banner import Facts, versions
from swift_deepeyes.record.record import RunInfo

_PRIVATE = {"judge_base_url", "judge_api_key", "log_dir"}
_TOLD_SETTINGS = (
    "learning_rate",
    "num_generations",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "max_steps",
    "temperature",
    "beta",
    "seed",
)


def run_info(args: Any, trainer: Any, facts: Facts, step: int) -> RunInfo:
    """`facts`: what the screen was told; `step`: after which the run began."""
    # Addresses, keys and paths stay out: people pass log directories on.
    chosen = process.settings.model_dump(mode="json", exclude_defaults=True, exclude=_PRIVATE)
    told = {f"DEEPEYES_{name.upper()}": value for name, value in chosen.items()}
    told |= {name: getattr(args, name, None) for name in _TOLD_SETTINGS}
    told |= {**versions(), **facts}
    told["max_steps"] = trainer.state.max_steps  # also where only epochs are set
    told["reward_funcs"] = " ".join(trainer.reward_func_names)
    return RunInfo(
        kind=TRAIN,
        name=Path(str(args.output_dir)).name,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        resumed_at=step,
        settings={name: str(value) for name, value in told.items() if value is not None},
    )

"""Writes the configuration of ms-swift's Ray pipeline from the flags of our scripts.

So that train_ray.sh shares its settings with the other trainers, which take flags. The pipeline
reads some values before any parser has seen them: numbers and booleans must be such in the file.
`--group.name` goes into that group (train, rollout); both groups share their GPUs. Of a flag that
comes twice the last counts; one without a value is true.

    python scripts/ray_config.py ray.yaml --lr 1e-6 --dataset a b --train.gpus 8 --rollout.gpus 8
"""

from __future__ import annotations

import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

LISTS = {"external_plugins", "custom_dataset_info", "dataset", "reward_funcs", "reward_weights"}
LISTS |= {"report_to", "target_modules", "stop_words"}


def read_flags(words: list[str]) -> dict[str, Any]:
    """The flags as a mapping; groups as mappings of their own."""
    config: dict[str, Any] = {"colocate_groups": [["train", "rollout"]]}
    for at, word in enumerate(words):
        if not word.startswith("--"):
            continue
        flag, *joined = word.removeprefix("--").split("=", 1)
        values = takewhile(lambda value: not value.startswith("--"), words[at + 1 :])
        typed = [yaml.safe_load(value) for value in [*joined, *values]] or [True]
        group, dot, name = flag.rpartition(".")
        target = config.setdefault(group, {}) if dot else config
        target[name] = typed if name in LISTS or len(typed) > 1 else typed[0]
    return config


def main() -> None:
    """Write the file that the first argument names."""
    path, *words = sys.argv[1:]
    Path(path).write_text(yaml.safe_dump(read_flags(words), sort_keys=False))


if __name__ == "__main__":
    main()

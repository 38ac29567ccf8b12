"""Parses `megatron rlhf` commands with ms-swift's own classes, in a process of its own.

Those classes import Megatron's packages and Ray, which need a GPU's libraries. Where one is missing
an empty stand-in takes its place, which is enough to parse: nothing of them is called. Reads a JSON
object of commands (flags and GPUs, or the path of a Ray configuration), prints what came of each.
"""

from __future__ import annotations

import dataclasses
import importlib.abc
import importlib.machinery
import importlib.util
import json
import sys
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

PACKAGES = ("megatron", "mcore_bridge", "transformer_engine", "ray")
ABSENT = [name for name in PACKAGES if importlib.util.find_spec(name) is None]


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds whatever is imported of an absent package."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        is_absent = name.partition(".")[0] in ABSENT
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if is_absent else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> Any:
        return MagicMock(name=spec.name, __version__="2.9.0", __path__=[], __spec__=spec)

    def exec_module(self, module: ModuleType) -> None:
        pass


def parsed(argv: list[str]) -> dict[str, Any]:
    """The arguments, and what ms-swift's checks of the batch make of them."""
    from swift.megatron.arguments import MegatronRLHFArguments
    from swift.utils import parse_args

    MegatronRLHFArguments.__post_init__ = lambda self: None  # looks for the model and the GPUs
    args, unknown = parse_args(MegatronRLHFArguments, argv)
    names = {f"--{field.name}" for field in dataclasses.fields(MegatronRLHFArguments)}
    unknown += [word for word in argv if word.startswith("--") and word not in names]
    values = {name: getattr(args, name) for name in args.__dataclass_fields__}
    return {"unknown": unknown, "args": values}


def check_batch(args: dict[str, Any], gpus: int) -> int:
    """Trajectories of an update, by ms-swift's own checks, which raise where they do not fit."""
    from swift.megatron.arguments.megatron_args import RLHFMegatronArgumentsMixin as Mixin

    model_gpus = args["tensor_model_parallel_size"] * args["pipeline_model_parallel_size"]
    sizes = args["global_batch_size"], args["num_generations"]
    generated, steps = Mixin.resolve_generation_batch_size(
        None, args["steps_per_generation"], *sizes
    )
    replicas = gpus // (model_gpus * args["context_parallel_size"])
    micro = args["micro_batch_size"]
    Mixin.validate_batch_dp_alignment(generated, args["num_generations"], replicas, micro, gpus)
    return int(generated // steps)


def ray_parsed(path: str) -> dict[str, Any]:
    """The Ray configuration as its pipeline reads it."""
    from swift.ray.megatron.driver_utils import _dict_to_argv, merge_group_dict, parse_ray_yaml
    from swift.ray.megatron.rollout.replica import VllmEngineConfig

    run, groups, shared = parse_ray_yaml(path)
    train = merge_group_dict(shared | {"use_ray": True}, groups["train"])
    rollout = merge_group_dict(shared, groups["rollout"])
    engine = VllmEngineConfig.from_rollout_cfg(rollout, sleep_level=run.sleep_level)
    launched = engine.to_launch_kwargs("hybrid")
    batch = check_batch(parsed(_dict_to_argv(train))["args"], run.train_gpus)
    nodes = run.gpus_as_process_on_nodes(run.train_gpus)
    return parsed(_dict_to_argv(train)) | {"engine": launched, "batch": batch, "nodes": nodes}


def main() -> None:
    sys.meta_path.insert(0, StandIns())
    from swift_deepeyes.demo import cpu_support

    cpu_support.install()
    answers: dict[str, Any] = {}
    for name, command in json.load(sys.stdin).items():
        if isinstance(command, str):
            answers[name] = ray_parsed(command)
        else:
            argv, gpus = command
            answers[name] = parsed(argv)
            answers[name]["batch"] = check_batch(answers[name]["args"], gpus)
    sys.stdout.write("ANSWERS" + json.dumps(answers, default=str))


if __name__ == "__main__":
    main()

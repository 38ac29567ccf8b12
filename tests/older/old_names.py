"""For tests with an ms-swift before 4.0: tests, toy and CPU support know only the newer names.

The package itself (`ms_swift/compat.py`) needs none of this and does not see it: the modules by
which it tells the versions apart (`swift.rewards`, `swift.rollout`) stay missing. Alone in the
folder `site`, a `sitecustomize.py` brings the same into the `swift` commands that tests start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from swift_deepeyes.demo import cpu_support, processes
from swift_deepeyes.demo.cpu_support import patches

OLD_NAMES = {
    "swift.arguments": "swift.llm.argument",
    "swift.dataset": "swift.llm.dataset",
    "swift.infer_engine": "swift.llm.infer",
    "swift.pipelines": "swift.llm",
    "swift.rlhf_trainers": "swift.trainers.rlhf_trainer",
    "swift.template.templates": "swift.llm.template.template",
    "swift.template": "swift.llm.template",
}
OLD_FLAGS = {"--tuner_type": "--train_type"}
SITE_FOLDER = Path(__file__).resolve().parent / "site"


def are_needed() -> bool:
    return find_spec("swift.rewards") is None


def install() -> None:
    """In this process: the newer names, and the CPU support's patches where the older ones are."""
    sys.meta_path.insert(0, _Finder())
    patched = patches.AFTER_IMPORT
    patched.update({old: patch for new, patch in [*patched.items()] if (old := _old_name(new))})
    patched["vllm.utils"] = _give_open_port
    cpu_support.install()  # copies the tables


def install_in_processes() -> None:
    """In the `swift` commands that this process starts: the same, and the older flags."""
    environment_of, start = processes.swift_environment, processes.SwiftProcess.__init__

    def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
        made = environment_of(extra)
        paths = [str(SITE_FOLDER), str(SITE_FOLDER.parent), made["PYTHONPATH"]]
        return {**made, "PYTHONPATH": os.pathsep.join(paths)}

    def start_with_old_flags(self: Any, arguments: Sequence[str], *rest: Any) -> None:
        given = [OLD_FLAGS.get(argument, argument) for argument in arguments]
        if "--callbacks" in given:  # the newer `swift.callbacks` below adds them without a flag
            at = given.index("--callbacks")
            del given[at : at + 2]
        start(self, given, *rest)

    processes.swift_environment = environment
    processes.SwiftProcess.__init__ = start_with_old_flags  # type: ignore[method-assign]


def _give_open_port(utils: Any) -> None:
    """For trl before 0.25, which looks for it where vLLM had it before 0.12."""
    if not hasattr(utils, "get_open_port"):
        utils.get_open_port = import_module("vllm.utils.network_utils").get_open_port


def _old_name(name: str) -> str | None:
    for new, old in OLD_NAMES.items():
        if name == new or name.startswith(f"{new}."):
            return old + name.removeprefix(new)
    return None


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "swift.callbacks":
            return ModuleSpec(fullname, _Callbacks())
        old = _old_name(fullname)
        return None if old is None else ModuleSpec(fullname, _Alias(old))


class _Alias(Loader):
    """Gives the older module under its newer name, and leaves it as it was."""

    def __init__(self, old: str) -> None:
        self._old = old

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self._old)
        self._spec = module.__spec__
        if self._old.endswith("infer.protocol"):
            from swift.llm import RolloutInferRequest

            module.RolloutInferRequest = RolloutInferRequest
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _Callbacks(Loader):
    """`swift.callbacks`: what is registered here is added to every trainer."""

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        from transformers import TrainerCallback

        from swift_deepeyes.ms_swift.compat import add_callback

        class OfTrainer(TrainerCallback):
            def __init__(self, args: Any, trainer: Any) -> None:
                self.args, self.trainer = args, trainer

        class Map(dict[str, Any]):
            def __setitem__(self, name: str, callback_type: type[Any]) -> None:
                add_callback(name, callback_type)

        module.TrainerCallback, module.callbacks_map = OfTrainer, Map()

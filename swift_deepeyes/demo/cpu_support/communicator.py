"""A replacement of vLLM's NCCL communicator that moves tensors through the group's TCP store.

Slow, and fast enough for a model of a few megabytes. It has the members that ms-swift uses and no
more.
"""

from __future__ import annotations

from typing import Any

import torch


class StoreCommunicator:
    """Broadcasts CPU tensors among the processes of a `StatelessProcessGroup`."""

    def __init__(self, group: Any, device: object = None, library_path: str | None = None) -> None:
        self.group = group
        self.rank: int = group.rank
        self.world_size: int = group.world_size
        self.device = torch.device("cpu")
        self.available = True
        self.disabled = False

    def broadcast(self, tensor: torch.Tensor, src: int, stream: object = None) -> None:
        """Send `tensor` from rank `src`; on the others, fill `tensor` with what arrives."""
        if self.rank == src:
            self.group.broadcast_obj(tensor.detach().cpu().contiguous(), src)
        else:
            tensor.copy_(self.group.broadcast_obj(None, src))

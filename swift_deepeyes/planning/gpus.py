"""Graphics cards: the memory that `nvidia-smi` reports, and what their data sheets say of speed."""

from __future__ import annotations

from swift_deepeyes.frozen import FrozenModel

MIB = 2**20


class Gpu(FrozenModel):
    """One card. `flops`: dense bf16 operations per second; the others are bytes per second."""

    name: str
    memory_bytes: int
    flops: float
    bandwidth: float  # of its memory
    link: float  # to the other cards of its node, one direction


GPUS: dict[str, Gpu] = {
    "rtx4090": Gpu(
        name="RTX 4090", memory_bytes=24_564 * MIB, flops=165e12, bandwidth=1.01e12, link=32e9
    ),
    "l40s": Gpu(
        name="L40S", memory_bytes=46_068 * MIB, flops=362e12, bandwidth=0.864e12, link=32e9
    ),
    "a100": Gpu(
        name="A100", memory_bytes=81_920 * MIB, flops=312e12, bandwidth=2.04e12, link=300e9
    ),
    "h20": Gpu(name="H20", memory_bytes=97_871 * MIB, flops=148e12, bandwidth=4.0e12, link=450e9),
    "h100": Gpu(
        name="H100", memory_bytes=81_559 * MIB, flops=989e12, bandwidth=3.35e12, link=450e9
    ),
    "h200": Gpu(
        name="H200", memory_bytes=143_771 * MIB, flops=989e12, bandwidth=4.8e12, link=450e9
    ),
}

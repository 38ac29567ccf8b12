"""The toy Qwen2.5-VL."""

from __future__ import annotations

from swift_deepeyes.demo.toy.family import ToyFamily
from swift_deepeyes.episode.family import Family

QWEN2_5_VL = ToyFamily(
    name=Family.QWEN2_5_VL,
    title="Qwen2.5-VL",
    model_class="Qwen2_5_VLForConditionalGeneration",
    config_class="Qwen2_5_VLConfig",
    processor_class="Qwen2_5_VLProcessor",
    video_processor_class="Qwen2VLVideoProcessor",
    text={
        "rope_theta": 10_000.0,
        # Shares of half a head's dimensions for time, height and width.
        "rope_parameters": {"rope_type": "default", "mrope_section": [4, 6, 6]},
    },
    vision={"fullatt_block_indexes": [0, 1]},
)

"""The toy Qwen3-VL: deepstack, interleaved m-rope, learned places of the patches."""

from __future__ import annotations

from swift_deepeyes.demo.toy.family import ToyFamily
from swift_deepeyes.episode.family import Family

INTERLEAVED_ROPE = {
    "rope_type": "default",
    "rope_theta": 10_000.0,
    "mrope_section": [6, 5, 5],
    "mrope_interleaved": True,
}
VISION = {"num_position_embeddings": 64}  # the patches of a view
IMAGE_PROCESSOR = {
    "patch_size": 16,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    # As small as a crop of the smallest box; the real one's is larger than a whole view.
    "min_pixels": 64 * 64,
    "max_pixels": 4096 * 4096,
}

QWEN3_VL = ToyFamily(
    name=Family.QWEN3_VL,
    title="Qwen3-VL",
    model_class="Qwen3VLForConditionalGeneration",
    config_class="Qwen3VLConfig",
    processor_class="Qwen3VLProcessor",
    video_processor_class="Qwen3VLVideoProcessor",
    text={"head_dim": 32, "rope_parameters": INTERLEAVED_ROPE},
    # What the first block sees also goes straight into the first layer of the text.
    vision={**VISION, "deepstack_visual_indexes": [0]},
    image_processor=IMAGE_PROCESSOR,
    warm_start_steps=120,
)

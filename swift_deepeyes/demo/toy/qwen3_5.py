"""The toy Qwen3.5: layers of gated delta attention and of full attention in turn.

Its template ends a prompt with an empty thought unless it is told to think, and the toy, whose
thoughts the warm start teaches, would then only guess. Where a conversation is text, as over HTTP,
the template also drops earlier thoughts unless it is told to keep them; training has them as token
ids, and the evaluation should see what was trained.
"""

from __future__ import annotations

from swift_deepeyes.demo.toy.family import ToyFamily
from swift_deepeyes.demo.toy.qwen3_vl import IMAGE_PROCESSOR, INTERLEAVED_ROPE, VISION
from swift_deepeyes.episode.family import Family

QWEN3_5 = ToyFamily(
    name=Family.QWEN3_5,
    title="Qwen3.5",
    model_class="Qwen3_5ForConditionalGeneration",
    config_class="Qwen3_5Config",
    processor_class="Qwen3VLProcessor",
    video_processor_class="Qwen3VLVideoProcessor",
    text={
        # The real ones have three of the first kind to one of the second; with a single layer of
        # full attention some seeds do not learn to read the pattern in a crop.
        "layer_types": ["linear_attention", "full_attention"] * 2,
        # A part of a head turns, so a head is larger: the part must hold the three sections.
        "head_dim": 64,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "rope_parameters": {**INTERLEAVED_ROPE, "partial_rotary_factor": 0.5},
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 32,
        "linear_value_head_dim": 32,
    },
    vision=VISION,
    image_processor=IMAGE_PROCESSOR,
    flags=("--enable_thinking", "true", "--preserve_thinking", "true"),
    # Gated delta attention is slow on a CPU: no more steps than it needs.
    warm_start_steps=120,
    # Without, some seeds do not learn to read a pattern in so few steps: a crop is worth nothing.
    large_share=0.4,
    # It learns to zoom within ten steps: with more of them there would be little to see.
    zoom_share=0.25,
    grpo_steps=50,
)

"""Tokens of images and trajectories."""

from __future__ import annotations

import math

from swift_deepeyes.core.trajectory import FrozenModel
from swift_deepeyes.planning.setup import Lengths

IMAGE_MARKS = 2  # <|vision_start|> and <|vision_end|>
MIN_IMAGE_TOKENS = 4  # qwen-vl-utils enlarges smaller images


def image_tokens(pixels: int, token_side: int) -> int:
    """Prompt tokens of an image of so many pixels, marks included: an upper bound.

    The image is resized to whole tokens within `pixels`: at most `pixels / side²`.
    """
    return max(MIN_IMAGE_TOKENS, pixels // token_side**2) + IMAGE_MARKS


class TrajectoryTokens(FrozenModel):
    """Tokens of one trajectory by who wrote them."""

    prompt: int
    of_model: int
    observed: int
    images: int  # within prompt and observed

    @property
    def total(self) -> int:
        """All of them: what the context and the KV cache hold at the end."""
        return self.prompt + self.of_model + self.observed


def mean_trajectory(lengths: Lengths, token_side: int) -> TrajectoryTokens:
    """A trajectory of the mean lengths, its first image as large as allowed."""
    first = image_tokens(lengths.max_pixels, token_side)
    observations = lengths.mean_turns - 1
    crops = observations * lengths.mean_crop_rate
    crop = image_tokens(int(lengths.max_pixels * lengths.mean_crop_share), token_side)
    return TrajectoryTokens(
        prompt=lengths.prompt_text_tokens + first,
        of_model=round(lengths.mean_turns * lengths.mean_turn_tokens),
        observed=round(crops * crop + observations * lengths.observation_text_tokens),
        images=round(first + crops * crop),
    )


def longest_trajectory(lengths: Lengths) -> int:
    """Tokens at which an episode ends in any case: prompt and response at their limits."""
    return lengths.max_prompt_tokens + lengths.max_response_tokens


def steps_per_epoch(rows: int, prompts: int) -> int:
    """Updates until every row was asked once."""
    return math.ceil(rows / prompts)

"""The families' templates with the toy's token ids.

In the package and not in the plugin file: `swift rollout` pickles them to the processes it spawns,
and those cannot import a plugin file under the name that ms-swift gave it.
"""

from __future__ import annotations

from typing import Any

from swift.template.templates import qwen

from swift_deepeyes.demo.toy.tokenizer import IMAGE_PAD, VIDEO_PAD
from swift_deepeyes.episode.family import Family


class _IdsOfTheTokenizer:
    """The ids of whatever tokenizer it gets: the class attributes of the templates are Qwen's."""

    def init_processor(self, processor: Any) -> None:
        super().init_processor(processor)  # type: ignore[misc]  # a template's
        if processor is not None:
            to_id = processor.tokenizer.convert_tokens_to_ids
            self.image_token_id, self.video_token_id = to_id(IMAGE_PAD), to_id(VIDEO_PAD)


class ToyQwen25VLTemplate(_IdsOfTheTokenizer, qwen.Qwen2_5VLTemplate):  # type: ignore[misc]
    """Qwen2.5-VL's."""


class ToyQwen3VLTemplate(_IdsOfTheTokenizer, qwen.Qwen3VLTemplate):  # type: ignore[misc]
    """Qwen3-VL's."""


TEMPLATES = {Family.QWEN2_5_VL: ToyQwen25VLTemplate, Family.QWEN3_VL: ToyQwen3VLTemplate}
"""As far as the installed ms-swift has them."""

if hasattr(qwen, "Qwen3_5Template"):

    class ToyQwen35Template(_IdsOfTheTokenizer, qwen.Qwen3_5Template):  # type: ignore[misc]
        """Qwen3.5's."""

    TEMPLATES[Family.QWEN3_5] = ToyQwen35Template

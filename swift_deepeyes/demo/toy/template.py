"""Qwen2.5-VL's template with the toy's token ids.

In the package and not in the plugin file: `swift rollout` pickles it to the processes it spawns,
and those cannot import a plugin file under the name that ms-swift gave it.
"""

from __future__ import annotations

from typing import Any

from swift.template.templates.qwen import Qwen2_5VLTemplate

from swift_deepeyes.demo.toy.tokenizer import IMAGE_PAD, VIDEO_PAD


class ToyQwen25VLTemplate(Qwen2_5VLTemplate):  # type: ignore[misc]  # swift is untyped
    """Qwen2.5-VL's template with the ids of whatever tokenizer it gets."""

    def init_processor(self, processor: Any) -> None:
        """Take the ids of the processor's tokenizer: the class attributes are Qwen's."""
        super().init_processor(processor)
        if processor is not None:
            self.image_token_id = self.tokenizer.convert_tokens_to_ids(IMAGE_PAD)
            self.video_token_id = self.tokenizer.convert_tokens_to_ids(VIDEO_PAD)

"""The conversation as it goes on the wire: every image is the model's own view of it, as PNG.

Sent at that size, the server's own resize is the identity: what the model sees is what crops are
cut from, whatever limits the server runs with (as long as they are not tighter; `pixel_check`
looks). `mm_processor_kwargs` would leave the resampling to the server, and only vLLM knows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.episode.images import ConversationImages
from swift_deepeyes.episode.view import to_png
from swift_deepeyes.evaluation.endpoint import Messages
from swift_deepeyes.frozen import valid_text
from swift_deepeyes.record.record import PromptMessage


class Conversation:
    """Messages in OpenAI's format; images are taken from the gallery in `<image>` order."""

    def __init__(self, prompt: Sequence[PromptMessage], gallery: ConversationImages) -> None:
        """Encodes the prompt's images off the event loop. Raises `UnreadableImageError`."""
        self._gallery = gallery
        self._shown = 0
        self.messages: Messages = [
            {"role": message.role, "content": self._content(message.text)} for message in prompt
        ]

    def add_turn(self, text: str) -> None:
        """Append what the model wrote."""
        self.messages.append({"role": "assistant", "content": valid_text(text)})

    def add_observation(self, text: str) -> None:
        """Append the answer of the tools; encodes its images."""
        self.messages.append({"role": "user", "content": self._content(text)})

    def _content(self, text: str) -> str | list[dict[str, Any]]:
        """Text alone stays a string; with images it becomes parts, in the text's own order."""
        text = valid_text(text)
        before, *after = text.split(IMAGE_TAG)
        if not after:
            return text
        parts = [_text(before)]
        for following in after:
            view = self._gallery.show(self._shown).view
            self._shown += 1
            parts += [image_part(to_png(view)), _text(following)]
        return [part for part in parts if part is not None]


def image_part(png: str) -> dict[str, Any]:
    """A base64 PNG as OpenAI's content part."""
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}}


def _text(text: str) -> dict[str, Any] | None:
    return {"type": "text", "text": text} if text else None

"""How full the model's context is: an observation that does not fit must never be sent.

vLLM raises on a prompt over `max_model_len`, and that ends the whole training run. The count is an
upper estimate: text by the tokenizer, images by their grid, and a margin for each message's frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from swift_deepeyes.episode.boxes import Size
from swift_deepeyes.episode.view import ViewRecipe

MESSAGE_MARGIN = 8
"""Tokens of a message's own frame (`<|im_start|>user\\n … <|im_end|>\\n` are 5 for Qwen)."""
ROOM_TO_ANSWER = 64
"""Tokens that must be left for the next turn: one that cannot even answer is not worth a call."""


class ContextMeter:
    """Counts the tokens of one conversation. `limit` None: unknown, everything fits.

    `message_margin`: tokens of a message's frame, with what the template writes into it.
    """

    def __init__(
        self,
        limit: int | None,
        count: Callable[[str], int],
        recipe: ViewRecipe,
        prompt_tokens: Callable[[], int],
        message_margin: int = MESSAGE_MARGIN,
    ) -> None:
        self.limit = limit
        self._margin = message_margin
        self._count = count
        self._recipe = recipe
        # Counted when first asked for: most rows never call a tool.
        self._prompt_tokens: Callable[[], int] | None = prompt_tokens
        self._used = 0

    def spend(self, tokens: int) -> None:
        """A response of this many tokens was generated."""
        self._used += tokens + self._margin

    def admit(self, text: str, images: Iterable[Size]) -> bool:
        """Count a message with these images in, if it fits and leaves room to answer."""
        if self.limit is None:
            return True
        if self._prompt_tokens is not None:
            self._used += self._prompt_tokens()
            self._prompt_tokens = None
        cost = self._count(text) + self._margin + sum(map(self._recipe.tokens, images))
        if self._used + cost + ROOM_TO_ANSWER > self.limit:
            return False
        self._used += cost
        return True

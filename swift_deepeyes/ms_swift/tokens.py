"""Tokens: media tokens that the model wrote itself, and counting off the event loop.

A sampled `<|image_pad|>` looks to the trainer and to vLLM like the place of an image that is not
there: ms-swift expands it, the counts no longer match, and the run ends with "Number of elements of
source < number of ones in mask". So it is replaced in the token ids, and not trained on. The record
keeps the text as it was: scoring sees the forgery and fines it.
"""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Sequence
from typing import Any

from swift_deepeyes.dataset.media_tags import MEDIA_TAGS
from swift_deepeyes.frozen import valid_text

_TOKENS = (
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|audio_pad|>",
)
_HARMLESS_TEXT = "?"


class MediaTokens:
    """The ids of a template's media tokens, and what to put in their place."""

    def __init__(self, template: Any, tokenizer: Any) -> None:
        # Some templates name them by id.
        known = getattr(template, "placeholder_tokens", None) or ()
        names = {*_TOKENS, *(name for name in known if isinstance(name, str))}
        vocabulary = tokenizer.get_vocab()
        ids = {vocabulary[name] for name in names if name in vocabulary}
        given = (getattr(template, f"{kind}_token_id", None) for kind in ("image", "video"))
        numbers = {number for number in (*known, *given) if isinstance(number, int)}
        self.ids = frozenset(ids | numbers)
        # Where ms-swift encodes a turn's text again, tags would take the next image's place too.
        self._in_text = re.compile("|".join(map(re.escape, (*names, *MEDIA_TAGS))))
        self._harmless = tokenizer.encode(_HARMLESS_TEXT, add_special_tokens=False)[0]

    def neutralise(
        self, token_ids: Sequence[int], loss_mask: Sequence[int]
    ) -> tuple[list[int], list[int]]:
        """The response without media tokens, of the same length; what was replaced is masked."""
        if self.ids.isdisjoint(token_ids):
            return list(token_ids), list(loss_mask)
        ids = [self._harmless if token in self.ids else token for token in token_ids]
        mask = [
            0 if token in self.ids else kept
            for token, kept in zip(token_ids, loss_mask, strict=True)
        ]
        return ids, mask

    def keep_trained(self, token_ids: Sequence[int], values: Sequence[Any]) -> list[Any]:
        """Of values by token, those of tokens that are trained on."""
        return [
            value for token, value in zip(token_ids, values, strict=True) if token not in self.ids
        ]

    def neutralise_text(self, text: str) -> str:
        """The text without media tokens and without ms-swift's own tags."""
        return self._in_text.sub(_HARMLESS_TEXT, text)


class TokenCounter:
    """Counts with a copy of the engine's tokenizer.

    A copy, behind a lock: the Rust tokenizers raise "Already borrowed" when one thread encodes
    while another sets truncation, and the engine uses its own at the same time.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._original = tokenizer
        self._copy: Any = None
        self._lock = threading.Lock()

    def __call__(self, text: str) -> int:
        """Tokens of a text, without special tokens around it; half a character counts as one."""
        with self._lock:
            if self._copy is None:
                self._copy = copy.deepcopy(self._original)
            return len(self._copy.encode(valid_text(text), add_special_tokens=False))

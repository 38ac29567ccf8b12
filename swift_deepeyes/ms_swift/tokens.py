"""Counting tokens off the event loop."""

from __future__ import annotations

import copy
import threading
from typing import Any

from swift_deepeyes.frozen import valid_text


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

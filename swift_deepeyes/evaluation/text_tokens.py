"""Counting text tokens here, to know whether an observation still fits into the context.

With the model's `tokenizer.json` at hand the count is exact. Without, it is an upper estimate: no
tokenizer of these families needs more than one token for two bytes of English, JSON or tags.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from swift_deepeyes.evaluation.served_model import UnknownModelError

_LEAST_BYTES_PER_TOKEN = 2


def token_counter(tokenizer: Path | None) -> Callable[[str], int]:
    """Counts tokens of a text; exact with a `tokenizer.json`, an upper estimate without.

    Raises `UnknownModelError` if that file cannot be read.
    """
    if tokenizer is None:
        return _estimate
    from tokenizers import Tokenizer

    try:
        exact = Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # the library's errors have no type of their own
        raise UnknownModelError(f"{tokenizer} cannot be read: {error}") from error
    return lambda text: len(exact.encode(text, add_special_tokens=False).ids)


def _estimate(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // _LEAST_BYTES_PER_TOKEN)

"""A prompt as an engine's template renders it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt as the model reads it: texts and token ids in order, `<image>` tags as they are.

    `response_prefix` is what the template writes at the beginning of each of the model's turns,
    `opens_thought` whether that leaves a `<think>` open; None: not known.
    """

    pieces: tuple[str | list[int], ...]
    response_prefix: str = ""
    opens_thought: bool | None = None

    @property
    def text(self) -> str:
        """The texts in a row."""
        return "".join(piece for piece in self.pieces if isinstance(piece, str))

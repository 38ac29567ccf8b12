"""What a format check is, what it looks at, and the registry of all of them.

The checks themselves are in `strict`; their names are those in metrics, logs and the viewer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from swift_deepeyes.episode.thoughts import Thoughts, split_thoughts
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.scoring.answers import AnswerBlocks, BoxedParts, find_answers, find_boxed
from swift_deepeyes.scoring.extraction import ANSWER_LIMIT_CHARACTERS
from swift_deepeyes.scoring.scheme import ScoringScheme
from swift_deepeyes.scoring.transcript import Transcript

# Some engines leave the stop token at the end of a turn; that one is theirs.
_END_TOKENS = ("<|endoftext|>", "<|im_end|>")

UNBALANCED_IMAGE_TOKENS = "unbalanced_image_tokens"
"""The one check of the official rules that the strict ones do not have."""


class Turns(FrozenModel):
    """What the checks look at: all turns' thoughts, the last turn's answers and boxed parts.

    `reference` is there to spot hedging, and for nothing else.
    """

    texts: tuple[str, ...]
    turns: tuple[Thoughts, ...]
    blocks: AnswerBlocks
    boxed: BoxedParts
    answer: str | None
    reference: str

    @property
    def last(self) -> Thoughts:
        """The turn that can answer."""
        return self.turns[-1]

    @property
    def short_answer(self) -> str | None:
        """The answer for patterns: None where there is none, or one too long to look for any."""
        is_short = self.answer is not None and len(self.answer) < ANSWER_LIMIT_CHARACTERS
        return self.answer if is_short else None


Check = Callable[[Turns], bool]


@dataclass(frozen=True, slots=True)
class FormatCheck:
    """`voids`: where it fires there is nothing to judge, and accuracy is 0 without a judge."""

    name: str
    fires: Check
    voids: bool
    schemes: tuple[ScoringScheme, ...]

    def __call__(self, turns: Turns) -> bool:
        """Whether the check fires."""
        return self.fires(turns)


FORMAT_CHECKS: dict[str, FormatCheck] = {}
"""All strict checks by name, in the order in which errors are named."""


def format_check(
    *, voids: bool = False, schemes: tuple[ScoringScheme, ...] = tuple(ScoringScheme)
) -> Callable[[Check], FormatCheck]:
    """Register a function as a check of the format; its own name is the error's."""

    def register(function: Check) -> FormatCheck:
        check = FormatCheck(function.__name__, function, voids, schemes)
        FORMAT_CHECKS[check.name] = check
        return check

    return register


def error_names() -> tuple[str, ...]:
    """The names of all format errors: each has a curve."""
    return (*FORMAT_CHECKS, UNBALANCED_IMAGE_TOKENS)


def turns_of_transcript(transcript: Transcript, scheme: ScoringScheme, reference: str) -> Turns:
    """What there is to check; a transcript without text counts as one empty turn."""
    texts = tuple(_without_end(text) for text in transcript.texts) or ("",)
    turns = tuple(split_thoughts(text, transcript.prompt_opens_thought) for text in texts)
    blocks = find_answers(turns[-1].unquoted)
    boxed = find_boxed(turns[-1].conclusion)
    found = boxed.contents if scheme is ScoringScheme.MATH else blocks.answers
    return Turns(
        texts=texts,
        turns=turns,
        blocks=blocks,
        boxed=boxed,
        answer=found[-1] if found else None,
        reference=reference,
    )


def _without_end(text: str) -> str:
    text = text.rstrip()
    for token in _END_TOKENS:
        text = text.removesuffix(token).rstrip()
    return text

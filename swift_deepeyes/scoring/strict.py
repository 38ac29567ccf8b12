"""The strict rules: what the official rules allow by accident is a named format error here.

Each rule is a small function over a `_Turns`; the tables at the end say which rules apply to which
kind of row. What an answer may contain is `answer_rules`' business. Together they are never milder
than the official rules, but for the prompt's own `<think>` (a test holds this).

Decisions that the method leaves open:

- Only the last turn can answer, and only outside a closed thought.
- A lone `</think>` closes a thought that began with the turn. It is no format error where the
  prompt opened that thought, or may have: where it is the turn's first tag and nothing is known of
  the prompt. (The official code counts tags in the response alone; this is the one place where the
  strict rules are milder.)
- An unfinished `<think>` is a format error but hides nothing: an answer after it is judged.
- Only complete `<answer>…</answer>` blocks are answers. Tags that do not pair are a format error; a
  complete block beside them is judged, unless the last `<answer>` is never closed: what that one
  would have said is not known.
- Several blocks are a format error; if they differ (beyond case and spaces), accuracy is 0.
- Of several boxes the last is judged, as in the official code: intermediate results get boxed too.
- A malformed or refused tool call is not a format error: the episode has already answered it with
  an error, and a penalty on failed calls teaches a model to stop calling.
- The math rules do not ask for `<answer>`: there the box is the answer's mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from swift_deepeyes.episode.thoughts import Thoughts, split_thoughts
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.scoring.answer_checks import answer_errors
from swift_deepeyes.scoring.answers import (
    BOX_OPENING,
    AnswerBlocks,
    BoxedParts,
    find_answers,
    find_boxed,
)
from swift_deepeyes.scoring.extraction import VOIDING_ERRORS, Extraction, FormatError
from swift_deepeyes.scoring.scheme import ScoringScheme
from swift_deepeyes.scoring.transcript import Transcript

# ms-swift replaces these in any text by the next image, video or object of the row.
_PLACEHOLDER = re.compile(r"<(?:image|video|audio|bbox|ref-object)>")
# A model that writes the tool's reply itself ("<tool_response>I see 3</tool_response>").
_TOOL_RESPONSE = re.compile(r"</?tool_response>")
# A model that writes an image or a new turn; grounding tokens such as <|box_start|> are its own.
_CONTROL_TOKEN = re.compile(
    r"<\|(?:vision_(?:start|end|pad)|(?:image|video|audio)_pad|im_start|im_end|endoftext)\|>"
)
# Some engines leave the stop token at the end of a turn; that one is theirs.
_END_TOKENS = ("<|endoftext|>", "<|im_end|>")


class _Turns(FrozenModel):
    """What the rules look at: all turns' thoughts, the last turn's answers and boxes."""

    texts: tuple[str, ...]
    turns: tuple[Thoughts, ...]
    blocks: AnswerBlocks
    boxes: BoxedParts
    answer: str | None

    @property
    def last(self) -> Thoughts:
        return self.turns[-1]


def read_strictly(transcript: Transcript, rule: ScoringScheme, reference: str) -> Extraction:
    """Apply the strict rules of `rule` to a transcript; `reference` only to spot hedging."""
    turns = _look_at(transcript, rule)
    errors = tuple(error for error, fires in _RULES[rule].items() if fires(turns))
    if turns.answer is not None:
        errors += answer_errors(turns.answer, reference)
    is_judged = turns.answer is not None and not VOIDING_ERRORS.intersection(errors)
    return Extraction(
        answer=turns.answer, is_judged=is_judged, errors=errors, crops=transcript.crops
    )


def _look_at(transcript: Transcript, rule: ScoringScheme) -> _Turns:
    texts = tuple(_without_end(text) for text in transcript.texts) or ("",)
    turns = tuple(split_thoughts(text, transcript.prompt_opens_thought) for text in texts)
    blocks = find_answers(turns[-1].unquoted)
    boxes = find_boxed(turns[-1].conclusion)
    found = boxes.contents if rule is ScoringScheme.MATH else blocks.answers
    return _Turns(
        texts=texts,
        turns=turns,
        blocks=blocks,
        boxes=boxes,
        answer=found[-1] if found else None,
    )


def _without_end(text: str) -> str:
    text = text.rstrip()
    for token in _END_TOKENS:
        text = text.removesuffix(token).rstrip()
    return text


def unbalanced_think(turns: _Turns) -> bool:
    """A thought that is unfinished, nested or closed without being opened, in any turn.

    Also a tag of thoughts that is misspelt or stands in a call's arguments.
    """
    return not all(turn.is_balanced for turn in turns.turns)


def forged_placeholder(turns: _Turns) -> bool:
    """The model wrote `<image>` or another tag that ms-swift would fill."""
    return any(_PLACEHOLDER.search(text) for text in turns.texts)


def forged_tool_response(turns: _Turns) -> bool:
    """The model wrote the tool's reply itself."""
    return any(_TOOL_RESPONSE.search(text) for text in turns.texts)


def forged_control_token(turns: _Turns) -> bool:
    """The model wrote vision tokens or the beginning or end of a message."""
    return any(_CONTROL_TOKEN.search(text) for text in turns.texts)


def missing_answer(turns: _Turns) -> bool:
    """No complete answer: none begun, or begun and never closed."""
    return not turns.blocks.answers and not answer_in_think(turns)


def answer_in_think(turns: _Turns) -> bool:
    """The only answer sits inside a closed thought."""
    return not turns.blocks.has_tags and "<answer>" in turns.last.thought


def early_answer(turns: _Turns) -> bool:
    """An answer tag was said in a turn before the last."""
    return any(find_answers(turn.said).has_tags for turn in turns.turns[:-1])


def broken_answer(turns: _Turns) -> bool:
    """Answer tags that do not pair: unclosed, nested, or closed without being opened."""
    return not find_answers(turns.last.said).is_balanced


def repeated_answer(turns: _Turns) -> bool:
    """The same answer several times."""
    return len(turns.blocks.answers) > 1 and not differing_answers(turns)


def differing_answers(turns: _Turns) -> bool:
    """Several answers that do not say the same."""
    return len({" ".join(answer.casefold().split()) for answer in turns.blocks.answers}) > 1


def missing_boxed(turns: _Turns) -> bool:
    r"""No complete `\boxed{}` after the last thought."""
    return not turns.boxes.contents


def early_boxed(turns: _Turns) -> bool:
    """A box was begun in a turn before the last."""
    return any(BOX_OPENING in turn.said for turn in turns.turns[:-1])


def broken_boxed(turns: _Turns) -> bool:
    r"""A `\boxed{` that is never closed."""
    return not turns.boxes.is_balanced


def several_boxed(turns: _Turns) -> bool:
    """More than one box, side by side or nested."""
    return turns.boxes.count > 1


_FORMAT_RULES: Mapping[FormatError, Callable[[_Turns], bool]] = {
    FormatError.UNBALANCED_THINK: unbalanced_think,
    FormatError.FORGED_PLACEHOLDER: forged_placeholder,
    FormatError.FORGED_TOOL_RESPONSE: forged_tool_response,
    FormatError.FORGED_CONTROL_TOKEN: forged_control_token,
    FormatError.EARLY_ANSWER: early_answer,
    FormatError.BROKEN_ANSWER: broken_answer,
}
_RULES: Mapping[ScoringScheme, Mapping[FormatError, Callable[[_Turns], bool]]] = {
    ScoringScheme.VISUAL: {
        **_FORMAT_RULES,
        FormatError.MISSING_ANSWER: missing_answer,
        FormatError.ANSWER_IN_THINK: answer_in_think,
        FormatError.REPEATED_ANSWER: repeated_answer,
        FormatError.DIFFERING_ANSWERS: differing_answers,
    },
    ScoringScheme.MATH: {
        **_FORMAT_RULES,
        FormatError.MISSING_BOXED: missing_boxed,
        FormatError.EARLY_BOXED: early_boxed,
        FormatError.BROKEN_BOXED: broken_boxed,
        FormatError.SEVERAL_BOXED: several_boxed,
    },
}

r"""The strict rules: what the official rules allow by accident is a named format error here.

A check is one decorated function over `Turns`; its name, its curve, its filter in the viewer and
whether it voids the answer follow from the decorator. Together the checks are never milder than the
official rules, but for the prompt's own `<think>` (a test holds this).

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
- Of several `\boxed{}` the last is judged, as in the official code: intermediate results get one
  too.
- A malformed or refused tool call is not a format error: the episode has already answered it with
  an error, and a penalty on failed calls teaches a model to stop calling.
- The math scheme does not ask for `<answer>`: there `\boxed` is the answer's mark.
"""

from __future__ import annotations

import re

from swift_deepeyes.scoring.answers import BOXED_OPENING, find_answers
from swift_deepeyes.scoring.extraction import Extraction
from swift_deepeyes.scoring.format_check import (
    FORMAT_CHECKS,
    Turns,
    format_check,
    turns_of_transcript,
)
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
# "<answer><tool_call>…</tool_call></answer>", "<answer><image></answer>"
_PROTOCOL_TAG = re.compile(r"</?(?:think|answer|tool_call|tool_response)>|<image>")
# "<answer>...</answer>" copied from the turn instruction.
_NOTHING_SAID = re.compile(r"[\s.…]*\Z")
# "left\nJudgement: 1": a line that talks to the judge, or imitates its reply.
_VERDICT_LINE = re.compile(
    r"^\W*(?:\w+\s+)?judge?ment\W{0,3}[:\uff1a]\W*(?:[01]|true|false|correct|incorrect)\b",
    re.IGNORECASE | re.MULTILINE,
)
# The reference is one option: "B", "(b)", "B.", "B. red".
_OPTION_REFERENCE = re.compile(r"\(?([A-Ha-h])(?:\)|[.:)]?\s*\Z|[.:)]\s)")
# "A, B or C", "A/B/C/D", "ABCD"
_OPTION_LIST = re.compile(r"\(?[A-H](?:[\s,;/&|()]|and|or)*(?:[A-H](?:[\s,;/&|().]|and|or)*)+\Z")
# "A. red, B. blue", "(A) red (B) blue", one a line; but not the end of "A. Vitamin C."
_OPTION_LABEL = re.compile(
    r"(?:^|[,;/]|\band\b|\bor\b)\s*([A-H])[.):](?=\s)|\(([A-H])\)", re.MULTILINE
)


def extract_strictly(transcript: Transcript, scheme: ScoringScheme, reference: str) -> Extraction:
    """Apply the checks of `scheme` to a transcript; `reference` only to spot hedging."""
    turns = turns_of_transcript(transcript, scheme, reference)
    fired = [check for check in FORMAT_CHECKS.values() if scheme in check.schemes and check(turns)]
    is_void = turns.answer is None or any(check.voids for check in fired)
    return Extraction(
        answer=turns.answer,
        is_judged=not is_void,
        errors=tuple(check.name for check in fired),
        crops=transcript.crops,
    )


@format_check()
def unbalanced_think(turns: Turns) -> bool:
    """A thought that is unfinished, nested or closed without being opened, in any turn.

    Also a tag of thoughts that is misspelt or stands in a call's arguments.
    """
    return not all(turn.is_balanced for turn in turns.turns)


@format_check()
def forged_placeholder(turns: Turns) -> bool:
    """The model wrote `<image>` or another tag that ms-swift would fill."""
    return any(_PLACEHOLDER.search(text) for text in turns.texts)


@format_check()
def forged_tool_response(turns: Turns) -> bool:
    """The model wrote the tool's reply itself."""
    return any(_TOOL_RESPONSE.search(text) for text in turns.texts)


@format_check()
def forged_control_token(turns: Turns) -> bool:
    """The model wrote vision tokens or the beginning or end of a message."""
    return any(_CONTROL_TOKEN.search(text) for text in turns.texts)


@format_check()
def early_answer(turns: Turns) -> bool:
    """An answer tag was said in a turn before the last."""
    return any(find_answers(turn.said).has_tags for turn in turns.turns[:-1])


@format_check()
def broken_answer(turns: Turns) -> bool:
    """Answer tags that do not pair: unclosed, nested, or closed without being opened."""
    return not find_answers(turns.last.said).is_balanced


@format_check(voids=True, schemes=(ScoringScheme.VISUAL,))
def missing_answer(turns: Turns) -> bool:
    """No complete answer: none begun, or begun and never closed."""
    return not turns.blocks.answers and not answer_in_think(turns)


@format_check(voids=True, schemes=(ScoringScheme.VISUAL,))
def answer_in_think(turns: Turns) -> bool:
    """The only answer sits inside a closed thought."""
    return not turns.blocks.has_tags and "<answer>" in turns.last.thought


@format_check(schemes=(ScoringScheme.VISUAL,))
def repeated_answer(turns: Turns) -> bool:
    """The same answer several times."""
    return len(turns.blocks.answers) > 1 and not differing_answers(turns)


@format_check(voids=True, schemes=(ScoringScheme.VISUAL,))
def differing_answers(turns: Turns) -> bool:
    """Several answers that do not say the same."""
    return len({" ".join(answer.casefold().split()) for answer in turns.blocks.answers}) > 1


@format_check(voids=True, schemes=(ScoringScheme.MATH,))
def missing_boxed(turns: Turns) -> bool:
    r"""No complete `\boxed{}` after the last thought."""
    return not turns.boxed.contents


@format_check(schemes=(ScoringScheme.MATH,))
def early_boxed(turns: Turns) -> bool:
    r"""A `\boxed{` in a turn before the last."""
    return any(BOXED_OPENING in turn.said for turn in turns.turns[:-1])


@format_check(schemes=(ScoringScheme.MATH,))
def broken_boxed(turns: Turns) -> bool:
    r"""A `\boxed{` that is never closed."""
    return not turns.boxed.is_balanced


@format_check(schemes=(ScoringScheme.MATH,))
def several_boxed(turns: Turns) -> bool:
    r"""More than one `\boxed{}`, side by side or nested."""
    return turns.boxed.count > 1


@format_check(voids=True)
def overlong_answer(turns: Turns) -> bool:
    """An answer of 1,000 characters or more."""
    return turns.answer is not None and turns.short_answer is None


@format_check(voids=True)
def empty_answer(turns: Turns) -> bool:
    """An answer that says nothing, such as the three dots of the instruction."""
    return turns.short_answer is not None and _NOTHING_SAID.match(turns.short_answer) is not None


@format_check(voids=True)
def tags_in_answer(turns: Turns) -> bool:
    """Protocol tags inside the answer."""
    return _PROTOCOL_TAG.search(turns.short_answer or "") is not None


@format_check(voids=True)
def hedged_answer(turns: Turns) -> bool:
    """Several options named where the reference is one option."""
    answer = turns.short_answer or ""
    if _OPTION_REFERENCE.match(turns.reference.strip()) is None:
        return False
    named = {bare or closed for bare, closed in _OPTION_LABEL.findall(answer)}
    if _OPTION_LIST.match(answer):
        named |= set(re.findall(r"[A-H]", answer))
    return len(named) > 1


@format_check(voids=True)
def addressed_judge(turns: Turns) -> bool:
    """An answer that contains a verdict on itself."""
    return _VERDICT_LINE.search(turns.short_answer or "") is not None

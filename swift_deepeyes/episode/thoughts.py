"""What a turn thinks and what it says: one parser for the engine, for scoring and for `eval`.

One pass over the text, because a model can write 10,000 opening tags in a turn.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from swift_deepeyes.episode.dialects.dialect import CALL_OPEN
from swift_deepeyes.episode.dialects.registry import is_call
from swift_deepeyes.frozen import FrozenModel

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
_SPELLINGS = (THINK_OPEN, THINK_CLOSE)
_THINK_TAG = re.compile(r"<\s*+(?P<slash>/?)\s*+think\s*+>", re.IGNORECASE)
_CALL_TAG = re.compile(r"</?tool_call>")
_MOST_OPENINGS = 2
_QUOTED_TAG = re.compile(r"<\s*+/?\s*+(?:think|answer)\s*+>", re.IGNORECASE)


class Thoughts(FrozenModel):
    """A turn split into what was thought and what was said.

    `said` is the turn with every closed thought emptied (its tags stay, so that a thought inside an
    answer remains visible as one). An unfinished `<think>` hides nothing: its text counts as said.
    A `</think>` without an opening closes a thought that began with the turn: templates of thinking
    models open it in the prompt. Tags in another case or with spaces are read as tags too, but only
    the plain ones are balanced. Tags in the arguments of a well-formed call are its text: they open
    and close nothing, and are not balanced either. `unquoted` is `said` without the bodies of calls
    that quote tags; `conclusion` is what follows the last `</think>`, wherever that stands.
    """

    said: str
    unquoted: str
    thought: str
    conclusion: str
    is_balanced: bool


def split_thoughts(text: str, prompt_opens_thought: bool | None = None) -> Thoughts:
    """Split one turn at its `<think>` tags.

    `prompt_opens_thought` only bears on whether the tags pair; None: not known, and then a lone
    `</think>` that is the turn's first tag closes a thought which the prompt opened.
    """
    tags = list(_THINK_TAG.finditer(text))
    quotes = _quoting_calls(text) if tags else []
    actual = [tag for tag in tags if not _is_within(tag.start(), quotes)]
    said, thought = _split(text, actual)
    is_plain = len(actual) == len(tags) and all(tag.group() in _SPELLINGS for tag in tags)
    last_close = next((tag.end() for tag in reversed(tags) if _closes(tag)), 0)
    return Thoughts(
        said=said,
        unquoted=_without_bodies(said, _quoting_calls(said)),
        thought=thought,
        conclusion=text[last_close:],
        is_balanced=is_plain and _pair(text, tags, prompt_opens_thought),
    )


def _split(text: str, tags: Sequence[re.Match[str]]) -> tuple[str, str]:
    """What was said, with closed thoughts emptied, and what was thought."""
    said: list[str] = []
    thought: list[str] = []
    position, opening = 0, None
    for tag in tags:
        if not _closes(tag):
            opening = opening or tag
        elif opening is None:
            thought += [*said, text[position : tag.start()]]
            said, position = [THINK_CLOSE], tag.end()
        else:
            said += [text[position : opening.start()], THINK_OPEN, THINK_CLOSE]
            thought.append(text[opening.end() : tag.start()])
            position, opening = tag.end(), None
    return "".join([*said, text[position:]]), "\n".join(thought)


def _pair(text: str, tags: Sequence[re.Match[str]], prompt_opens_thought: bool | None) -> bool:
    """Whether every thought is closed once and none is nested, the prompt's own included."""
    is_open = prompt_opens_thought is True
    if is_open:
        tags = tags[_repeated_openings(text, tags) :]
    for number, tag in enumerate(tags):
        if number == 0 and prompt_opens_thought is None:
            is_open = _closes(tag)
        if is_open is not _closes(tag):
            return False
        is_open = not is_open
    return not is_open


def _repeated_openings(text: str, tags: Sequence[re.Match[str]]) -> int:
    """How often the prompt's `<think>` stands at the turn's beginning: it is still one thought.

    ms-swift puts it back into the text, vLLM's server does not; the model may write it once more.
    """
    position = 0
    for number, tag in enumerate(tags[:_MOST_OPENINGS]):
        if _closes(tag) or text[position : tag.start()].strip():
            return number
        position = tag.end()
    return min(len(tags), _MOST_OPENINGS)


def _closes(tag: re.Match[str]) -> bool:
    return bool(tag["slash"])


def _quoting_calls(text: str) -> list[tuple[int, int]]:
    """The bodies of well-formed calls in whose arguments a tag of the protocol is quoted."""
    spans: list[tuple[int, int]] = []
    start: int | None = None
    for tag in _CALL_TAG.finditer(text):
        if tag.group() == CALL_OPEN:
            start = tag.end()
        elif start is not None:
            body = text[start : tag.start()]
            if _QUOTED_TAG.search(body) and is_call(body):
                spans.append((start, tag.start()))
            start = None
    return spans


def _is_within(position: int, spans: Sequence[tuple[int, int]]) -> bool:
    at = bisect_right(spans, (position, position)) - 1
    return at >= 0 and position < spans[at][1]


def _without_bodies(text: str, spans: Sequence[tuple[int, int]]) -> str:
    kept = [text[end:start] for (_, end), (start, _) in pairwise([(0, 0), *spans, (len(text), 0)])]
    return "".join(kept)

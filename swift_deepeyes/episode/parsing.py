"""The model's text for one turn → what it wants to do. Total: any text gives a result.

What is a thought is `answer.split_thoughts`' decision, for the engine as for scoring. Scans with
`str.find`, not with lazy regexes: `<tool_call>` written ten thousand times without an end would
make a regex quadratic, and one such text would stall a whole rollout.
"""

from __future__ import annotations

from dataclasses import dataclass

from swift_deepeyes.episode.calls import MalformedCall, ToolCall, read_call
from swift_deepeyes.episode.dialects.dialect import CALL_CLOSE, CALL_OPEN
from swift_deepeyes.episode.dialects.registry import Dialects
from swift_deepeyes.episode.thoughts import split_thoughts

__all__ = ["CALL_CLOSE", "CALL_OPEN", "MalformedCall", "ParsedTurn", "ToolCall", "parse_turn",
           "read_call"]  # fmt: skip

ANSWER_OPEN = "<answer>"

MAX_CALLS_READ = 64
_BARE = f"The tool call does not stand between {CALL_OPEN} and {CALL_CLOSE}."


@dataclass(frozen=True, slots=True)
class ParsedTurn:
    """What one turn asks for. `has_answer` wins over `calls` (rules of the episode)."""

    has_answer: bool
    calls: tuple[ToolCall | MalformedCall, ...]


def parse_turn(text: str, dialects: Dialects = Dialects()) -> ParsedTurn:  # noqa: B008
    """Read a turn. Tags in a thought, or quoted in a call's arguments, are not actions."""
    thoughts = split_thoughts(text)
    return ParsedTurn(
        has_answer=ANSWER_OPEN in thoughts.unquoted,
        calls=tuple(_read_calls(thoughts.said, dialects)),
    )


def _read_calls(text: str, dialects: Dialects) -> list[ToolCall | MalformedCall]:
    """All calls in order; what stands between and after them is ignored (DeepEyes #131)."""
    calls: list[ToolCall | MalformedCall] = []
    position = 0
    while len(calls) < MAX_CALLS_READ:
        start = text.find(CALL_OPEN, position)
        if start < 0:
            break
        body_start = start + len(CALL_OPEN)
        end = text.find(CALL_CLOSE, body_start)
        if end < 0:
            calls.append(MalformedCall("The tool call is not closed with its end tag."))
            break
        calls.append(_read_body(text[body_start:end], dialects))
        position = end + len(CALL_CLOSE)
    if not calls and any(mark in text for mark in dialects.marks):
        calls.append(MalformedCall(_BARE))
    return calls


def _read_body(body: str, dialects: Dialects) -> ToolCall | MalformedCall:
    call = dialects.read(body)
    if isinstance(call, MalformedCall) and CALL_OPEN in body:
        return MalformedCall("A tool call begins before the one before it is closed.")
    return call

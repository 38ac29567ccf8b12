"""How questions may be decided: the difference between `strict` and `official`, in one place.

The official code asks the judge once per visual answer and reads the reply by its own rule; it has
no cache, no shortcut and no second question. Everything else it leaves open (what happens when a
call fails: it crashes) is the same here in both modes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from swift_deepeyes.judge.reply import read_official_reply, read_reply
from swift_deepeyes.judge.shortcuts import settle, settle_official
from swift_deepeyes.scoring.verdict import JudgeQuestion, Outcome
from swift_deepeyes.settings import ScoringMode

ReplyReader = Callable[[str, JudgeQuestion], Outcome]
Shortcut = Callable[[JudgeQuestion], Outcome | None]


@dataclass(frozen=True)
class Policy:
    """One way of judging."""

    shortcut: Shortcut  # decides without a server, or None: ask
    read_reply: ReplyReader
    second_questions: int  # how often an unreadable reply is asked again
    one_reply_each: bool  # every sample gets a reply of its own: no sharing, no cache


STRICT = Policy(shortcut=settle, read_reply=read_reply, second_questions=2, one_reply_each=False)
OFFICIAL = Policy(
    shortcut=settle_official,
    read_reply=read_official_reply,
    second_questions=0,
    one_reply_each=True,
)


def policy_for(mode: ScoringMode) -> Policy:
    """The policy of a scoring mode."""
    return OFFICIAL if mode is ScoringMode.OFFICIAL else STRICT

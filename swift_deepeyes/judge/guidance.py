"""How a server is told to answer with one of two words and nothing else (guided decoding).

Servers spell it differently and none says so beforehand, so each is tried from the newest spelling
down; what it accepted is remembered per server. A server that ignores a field does no harm: it has
the same room for its reply, which is read with the same care.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from swift_deepeyes.judge.prompt import CHOICES
from swift_deepeyes.scoring.verdict import QuestionKind


class Guidance(IntEnum):
    """The spellings, from the first to try to the last."""

    STRUCTURED = 0  # vLLM >= 0.11 `structured_outputs`; ms-swift >= 4.6 deploy, its regex
    LEGACY = 1  # vLLM < 0.12 `guided_choice`
    PLAIN = 2  # none: any OpenAI-compatible server

    @property
    def next(self) -> Guidance | None:
        """The next one to try, or None after the last."""
        return None if self is Guidance.PLAIN else Guidance(self + 1)


def guided_fields(guidance: Guidance, kind: QuestionKind) -> dict[str, Any]:
    """The fields that a request gets besides the usual ones."""
    choices = list(CHOICES[kind])
    match guidance:
        case Guidance.STRUCTURED:
            # `swift deploy` drops fields it does not know and vLLM does too, so both spellings of
            # today fit in one request. A hybrid reasoning model must be told not to think: its
            # first token is forced, and it would otherwise judge in a state it never learned.
            return {
                "structured_outputs": {"choice": choices},
                "structured_outputs_regex": "|".join(choices),
                "chat_template_kwargs": {"enable_thinking": False},
            }
        case Guidance.LEGACY:
            return {"guided_choice": choices}
        case Guidance.PLAIN:
            return {}

"""The request for a verdict: the prompt, and how it asks for one of two words and nothing else.

The prompts are text files, filled in one pass, with the untrusted answer fenced. The fence is
derived from what it encloses: it cannot be guessed by who writes the answer, and the same question
always gives the same prompt, so that runs can be repeated and servers can cache.

Servers spell guided decoding differently and none says so beforehand, so each spelling is tried
from the newest down; what a server accepted is remembered. A server that ignores a field does no
harm: it has the same room for its reply, which is read with the same care.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from importlib import resources
from string import Template
from typing import Any

from swift_deepeyes.scoring.verdict import JudgeQuestion, QuestionKind

# Room for a judge that reasons before it answers. Guided decoding ends a reply by itself; a server
# that ignores its fields must not be cut in the middle of a sentence that says "correct".
REPLY_TOKENS = 1024
SECOND_TEMPERATURE = 0.7  # asked again at 0, it would only say the same again

CHOICES: dict[QuestionKind, tuple[str, str]] = {
    QuestionKind.OPEN: ("1", "0"),
    QuestionKind.MATH: ("TRUE", "FALSE"),
}
"""What each prompt asks for: right, wrong. Guided decoding allows these two and nothing else."""

# `<|im_end|>`, `</think>`, `<image>`, `[INST]`: a chat template reads these as structure, and
# `swift deploy` looks for an image behind each `<image>`.
MARKUP = re.compile(r"<(\|?/?[A-Za-z_][\w:.\-]*/?\|?)>|<(\|[^<>|]{1,40}\|)>")
BRACKETS = re.compile(r"\[(/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)[^\]]{0,20})\]")


def _load(kind: QuestionKind) -> Template:
    folder = resources.files("swift_deepeyes.judge") / "prompts"
    return Template((folder / f"{kind}.txt").read_text(encoding="utf-8"))


TEMPLATES = {kind: _load(kind) for kind in QuestionKind}
PROMPT_VERSION = blake2b(
    "\0".join(TEMPLATES[kind].template for kind in QuestionKind).encode(), digest_size=6
).hexdigest()
"""Changes with every edit of a prompt file; part of the cache's key."""


def build_prompt(question: JudgeQuestion) -> str:
    """The user message for one question.

    `Template.substitute` walks over the template only: what is filled in is never read again, so
    "$reference" or "{answer}" inside an answer stays text.
    """
    answer = defuse(question.answer)
    return TEMPLATES[question.kind].substitute(
        fence=_fence(question, answer),
        question=defuse(question.question.replace("<image>", "")).strip(),
        reference=_reference(question),
        answer=answer,
    )


def _reference(question: JudgeQuestion) -> str:
    """The reference, or all of them: then each on a line of its own."""
    references = (question.reference, *question.alternatives)
    texts = list(dict.fromkeys(defuse(text).strip() for text in references))
    if len(texts) == 1:
        return texts[0]
    return "\n".join(["any one of these is correct, and saying one of them is enough:", *texts])


@lru_cache(maxsize=4096)  # the samples of a group share their question and reference
def defuse(text: str) -> str:
    """The same text for a reader, without tokens that a chat template or a fence gives meaning."""
    # A lone surrogate is legal in Python's strings and illegal in JSON's UTF-8.
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = MARKUP.sub(lambda match: f"\u2039{match[1] or match[2]}\u203a", text)
    return BRACKETS.sub(r"(\1)", text)


def _fence(question: JudgeQuestion, answer: str) -> str:
    content = "\0".join((question.question, question.reference, *question.alternatives, answer))
    data = content.encode("utf-8", "replace")
    return "ANSWER-" + blake2b(data, digest_size=6, key=b"swift-deepeyes fence").hexdigest()


class Guidance(IntEnum):
    """The spellings, from the first to try to the last."""

    STRUCTURED = 0  # vLLM >= 0.11 `structured_outputs`; ms-swift >= 4.6 deploy, its regex
    LEGACY = 1  # vLLM < 0.12 `guided_choice`
    PLAIN = 2  # none: any OpenAI-compatible server

    @property
    def next(self) -> Guidance | None:
        """The next one to try, or None after the last."""
        return None if self is Guidance.PLAIN else Guidance(self + 1)


def request_body(
    question: JudgeQuestion, model: str, guidance: Guidance, attempt: int
) -> dict[str, Any]:
    """The chat request; `attempt` 0 is the first time that this question is asked."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": build_prompt(question)}],
        "temperature": SECOND_TEMPERATURE if attempt else 0,
        "seed": attempt,
        "max_tokens": REPLY_TOKENS,
        **guided_fields(guidance, question.kind),
    }


def guided_fields(guidance: Guidance, kind: QuestionKind) -> dict[str, Any]:
    """The fields that a request gets besides the usual ones."""
    choices = list(CHOICES[kind])
    match guidance:
        case Guidance.STRUCTURED:
            # `swift deploy` drops fields it does not know and vLLM does too, so both spellings of
            # today fit in one request. A hybrid reasoning model must be asked not to think: its
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

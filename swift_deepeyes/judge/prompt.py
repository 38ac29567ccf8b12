"""The judge's prompts: text files, filled in one pass, with the untrusted answer fenced.

The fence is derived from what it encloses: it cannot be guessed by who writes the answer, and the
same question always gives the same prompt, so that runs can be repeated and servers can cache.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from importlib import resources
from string import Template

from swift_deepeyes.scoring.verdict import JudgeQuestion, QuestionKind

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

"""What an answer commits to: without thought, reasons, and what it says is *not* so."""

from __future__ import annotations

import re

from swift_deepeyes.judge.rules.lexicon import FUNCTION, ORDINARY, SPATIAL, stem

THOUGHT = re.compile(r"^.*</think>", re.DOTALL)
PARAGRAPHS = re.compile(r"^.*\n\s*\n", re.DOTALL)
LINES = re.compile(r"[ \t]*\n\s*")
CONCLUSIONS = (
    re.compile(
        r"^.*(?:\b(?:answer|conclusion)\s*(?:is\s*:?|[:\uff1a])|答案\s*(?:[是为:\uff1a]\s*)+)[\s*]*(?=\S)",
        re.I,
    ),
    re.compile(
        r"^.*(?:(?:[.!,;:]\s*|^)(?:so|therefore|thus|hence|overall|in total|in conclusion)\b"
        r"|所以|因此|总之)[,\uff0c\s]*(?=\S)",
        re.IGNORECASE,
    ),
)
REASON = re.compile(
    r"[\s,;(-]*(?:\b(?:because|as (?:it|he|she|they|there|the)|since(?=\s+[a-z]))\b|因为).*", re.I
)
SHORT = r"([^,\uff0c;]{1,40}?)"
# "not blue but green", "it's not blue, it's green", "不是蓝色而是绿色": what comes first is denied.
# "green, not blue", "green rather than blue": what comes last is.
DENIED = (
    re.compile(rf"(?:\bnot|n\'t) (?!only){SHORT},? but ", re.IGNORECASE),
    re.compile(
        rf"\b(?:it|this|that|he|she)(?:(?:'s| is| was) not|(?: is| was)n't) {SHORT}[,;.] *"
        r"(?=(?:it|this|that|he|she)(?:'s| is| was)\b(?! not))",
        re.IGNORECASE,
    ),
    re.compile(rf"不是{SHORT}[,\uff0c]?而(?=是)"),
    re.compile(
        r"(?<=[^\s,])(?:, (?:and |but )?not|,? and not|,? rather than|,? instead of"
        r"|[,\uff0c]而?不是)\s*"
        rf"{SHORT}(?=[,\uff0c;]|[.。]?$|\.\s)",
        re.IGNORECASE,
    ),
)


def conclude(answer: str) -> str:
    """The answer from its last "Answer:" or "so" on, without thought and reasons."""
    text = LINES.sub(" ; ", PARAGRAPHS.sub("", THOUGHT.sub("", answer).strip()))
    for mark in CONCLUSIONS:
        text = mark.sub("", text)
    return REASON.sub("", text) or text


def affirm(text: str) -> str:
    """The text without what it denies in favour of something else."""
    for pattern in DENIED:
        for match in pattern.finditer(text):
            rest = f"{text[: match.start()]} {text[match.end() :]}"
            if not _words(match[1]) & _words(rest):
                return affirm(rest.strip())
    return text


def _words(text: str) -> set[str]:
    return set(map(stem, re.findall(r"\w+", text.lower()))) - FUNCTION - ORDINARY - SPATIAL

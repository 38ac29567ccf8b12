"""What an answer is compared with: question and reference as words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from swift_deepeyes.judge.rules.lexicon import (
    ATTRIBUTES,
    FUNCTION,
    NEGATIONS,
    ORDINARY,
    PHRASES,
    SYNONYMS,
    stem,
)
from swift_deepeyes.judge.rules.numbers import spell
from swift_deepeyes.judge.rules.text import canonical

# Chinese and Japanese stand without spaces: there each character is a word.
IDEOGRAPH = "\u3040-\u30ff\u4e00-\u9fff"
TOKEN = re.compile(
    rf"[a-z]+n't|(?<!\S)-\d+(?:[./:,]\d+)*|[{IDEOGRAPH}]|[^\W_{IDEOGRAPH}]+(?:[./:,]\d+)*"
)
CLAUSE = re.compile(
    r"[;!]+|(?!(?<=\bno)\.\s?\d)\.(?=\s|$|[\u4e00-\u9fff])|,\s*(?![\d\s])|\s-+\s(?!\d)|\s\((?=[a-z])|:\s+(?=[a-z])|(?<=[a-z]):\s",
    re.I,
)
OFFER = re.compile(r"(?:(\w+) )?\b(\w+),? or (?:(?:the|a|an|on|in|is) )*(\w+)")
DEED = re.compile(r"\b(?:doing|do|happen\w*|action|activity)\b|做什么|发生")


@dataclass(frozen=True)
class Expected:
    """What an answer is compared with, as words."""

    question: str
    meant: list[str]
    asked: list[str]
    given: set[str]  # of the question, without the alternatives that it offers
    core: set[str]

    @classmethod
    def of(cls, question: str, reference: str) -> Expected:
        """From the two texts."""
        meant, asked = tokens(reference), tokens(question)
        given = set(asked) - alternatives(question)
        return cls(question, meant, asked, given, content(meant) - given or content(meant))

    @property
    def needed(self) -> set[str]:
        """The core without what it may leave out: "stands" on the table."""
        if DEED.search(self.question.lower()):
            return self.core
        return self.core - ORDINARY or self.core

    def extra(self, said: list[str]) -> set[str]:
        """What is neither asked, meant, nor ordinary."""
        ordinary = frozenset() if DEED.search(self.question.lower()) else ORDINARY
        known = self.given | self.core | set(self.meant) | ordinary | NEGATIONS
        return content(said, alone=False) - known - {"1"}


def tokens(text: str) -> list[str]:
    """Words in order: stems, digits for number words, one word per synonym."""
    text = spell(text).casefold()
    for phrase, word in PHRASES.items():
        text = text.replace(phrase, word)
    return [_canonical(word) for word in TOKEN.findall(text)]


def _canonical(word: str) -> str:
    word = "not" if word.endswith("n't") else SYNONYMS.get(word, word)
    if word[0].isdigit():
        return re.sub(r"(?<=\d)(?:st|nd|rd|th)$", "th", word)
    return stem(word)


def clauses(text: str) -> list[str]:
    """The text at its sentence ends, commas and dashes."""
    return [clause for clause in CLAUSE.split(canonical(text)) if clause.strip(" .,*")]


def content(words: list[str], alone: bool = True) -> set[str]:
    """The words with content, or all if there are none and `alone`."""
    found = set(words) - FUNCTION
    return found or (set(words) if alone else set())


def reordered(said: list[str], meant: list[str], ignored: Iterable[str]) -> bool:
    """Whether the words that both have, but for some, stand in another order."""
    shared = (set(said) & set(meant)) - set(ignored)
    order = [word for word in dict.fromkeys(said) if word in shared]
    return order != [word for word in dict.fromkeys(meant) if word in shared]


def alternatives(question: str) -> set[str]:
    """The words that a question offers: "open or closed?", "red, blue or green?"."""
    question = question.lower()
    asked = re.findall(r"\w+", question)
    offered = set(ATTRIBUTES & set(question)) if "还是" in question else set()
    for match in OFFER.finditer(question):
        before_it = {match[1]} if match[1] and stem(match[1]) in ATTRIBUTES else set()
        offered |= {match[2], match[3], *before_it}
        offered |= set(re.findall(r"(\w+),", question[: match.end()]))
    # "the left wall or the right wall": what is said twice is no alternative.
    return {_canonical(word) for word in offered if asked.count(word) < 2}

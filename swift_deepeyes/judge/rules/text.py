"""Text before it is compared: one spelling for what means the same on paper."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache

# "\text{cm}", "\mathrm{A}", "\textbf{(B)}": the braces' content is what is meant.
TEXT_COMMAND = re.compile(
    r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname|mbox)\s*\{([^{}]*)\}"
)
# What engines and templates leave around an answer.
WRAPPERS = re.compile(
    r"</?answer>|<\|(?:im_end|endoftext|eot_id)\|>|</?s>|^\s*```\w*\s|\s*```\s*$", re.IGNORECASE
)
# "\(x\)", "\[x\]": LaTeX's parentheses around a formula.
MATH_FENCE = re.compile(r"\\[()\[\]]|\$\$?")
# "The answer is B", "Final answer: 12", "答案是B": an opening without content.
LEAD_IN = re.compile(
    r"^(?:so|therefore|thus|hence)?[,\s]*(?:(?:the|my)\s+)?(?:(?:final|correct|right|best)\s+)?"
    r"(?:answer|option|choice)\s*(?:is\s*:?|:|=)\s*"
    r"|^(?:所以|因此)?[,\s]*(?:正确)?答案\s*(?:是|为|:)\s*:?\s*",
    re.IGNORECASE,
)
SPACES = re.compile(r"\s+")
SAME_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),  # hyphens, dashes, minus
        **dict.fromkeys("\u2018\u2019\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d", '"'),
        "\u2044": "/",
        "\u3002": ".",
        "\u3010": "[",
        "\u3011": "]",
        "\u2103": "°C",
    }
)
# Zero-width and direction marks: invisible to a reader, different to `==`.
INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad]")
SUPERSCRIPT = re.compile("[\u2070\u00b9\u00b2\u00b3\u2074-\u207f]+")
VULGAR_FRACTION = re.compile("[\u00bc-\u00be\u2150-\u215e]")
EMPHASIS = ' \t\r\n*`"'
STOPS = " .,;:"
# A word whose letters mean the same in either case: not "mW", "R", "5MW" or "\Delta".
CASELESS = re.compile(r"[^\W\d_]+(?:['-]?[^\W_]+)*[.,;:!?]*")
SHORT_WORDS = frozenset(
    ("a", "an", "as", "at", "by", "he", "if", "in", "is", "it", "no", "of", "on", "or", "to", "we")
)


def clean(text: str) -> str:
    """The text without wrappers and typography: `**Red.**` → `Red`; letter case is kept.

    Unlike NFKC this keeps 10² apart from 102: superscripts become powers, `½` becomes ` 1/2`.
    """
    text = unicodedata.normalize("NFC", INVISIBLE.sub("", text)).translate(SAME_SIGNS)
    text = "".join(map(_narrow, text)) if not text.isascii() else text
    text = SUPERSCRIPT.sub(lambda match: _power(match[0]), text)
    text = VULGAR_FRACTION.sub(lambda m: " " + _plain(m[0]).replace("\u2044", "/"), text)
    text = _json_answer(WRAPPERS.sub(" ", text).strip())
    text = TEXT_COMMAND.sub(r"\1", text).replace("**", "")
    return _trim(SPACES.sub(" ", text))


@lru_cache(maxsize=16384)  # a group's reference is normalised once, not once per sample and rule
def canonical(text: str) -> str:
    """The form in which the same text is the same answer; letter case is kept."""
    text = MATH_FENCE.sub("", clean(text))
    return _trim(LEAD_IN.sub("", SPACES.sub(" ", text)))


def normalise(text: str) -> str:
    """`canonical` without letter case: for words, where nothing hangs on it."""
    return canonical(text).casefold()


def is_same_text(one: str, other: str) -> bool:
    """Whether two texts are the same to a reader: letter case may differ in plain words only."""
    one, other = canonical(one), canonical(other)
    if one == other:
        return bool(one)
    return one.casefold() == other.casefold() and all(
        word == twin or (_is_caseless(word) and _is_caseless(twin))
        for word, twin in zip(one.split(), other.split(), strict=False)
    )


def _is_caseless(word: str) -> bool:
    if not CASELESS.fullmatch(word):
        return False
    letters = word.strip(".,;:!?")
    has_usual_case = letters in (letters.lower(), letters.upper(), letters.capitalize())
    return has_usual_case and (len(letters) > 2 or letters.lower() in SHORT_WORDS)


def _plain(character: str) -> str:
    return unicodedata.normalize("NFKC", character)


def _narrow(character: str) -> str:
    """Full-width letters and signs as usual ones; other compatibility characters stay."""
    is_wide = unicodedata.decomposition(character).startswith(("<wide>", "<narrow>"))
    return _plain(character) if is_wide else character


def _power(superscript: str) -> str:
    power = _plain(superscript).replace("\u2212", "-")
    return f"^{power}" if len(power) == 1 else f"^{{{power}}}"


def _json_answer(text: str) -> str:
    """What `{"answer": …}` says; any other text as it is."""
    if not text.startswith("{"):
        return text
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return text
    is_answer = isinstance(content, dict) and [str(key).lower() for key in content] == ["answer"]
    value = next(iter(content.values())) if is_answer else None
    return str(value) if isinstance(value, str | int | float) else text


def _trim(text: str) -> str:
    """Without emphasis, quotes in pairs and final stops; not without the mark of `f'` or `5!`."""
    while True:
        before = text
        text = text.strip(EMPHASIS).rstrip(STOPS)
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'_":
            text = text[1:-1]
        if text.endswith("!") and text.rstrip("!")[-1:].isalpha() and len(text.split()[-1]) > 2:
            text = text.rstrip("!")
        if text == before:
            return text


def boxed_parts(text: str) -> list[str]:
    r"""The contents of every `\boxed{…}`, braces inside read whole; an unclosed one is left out."""
    parts = []
    start = text.find("\\boxed{")
    while start >= 0:
        depth, position = 1, start + len("\\boxed{")
        begin = position
        while position < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[position], 0)
            position += 1
        if depth == 0:
            parts.append(text[begin : position - 1])
        start = text.find("\\boxed{", position)
    return parts

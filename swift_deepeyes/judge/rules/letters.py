"""Multiple choice: the options in a question, and the letter that an answer chooses."""

from __future__ import annotations

import re
from itertools import zip_longest

from swift_deepeyes.judge.rules.expected import tokens
from swift_deepeyes.judge.rules.lexicon import ATTRIBUTES, FUNCTION, HEDGES, NEGATIONS
from swift_deepeyes.judge.rules.text import clean, normalise

# "A", "(A)", "A.", "[a]", "Option C": nothing but the letter.
BARE_LETTER = re.compile(
    r"^(?:option|choice|answer)?\s*[(\[<]?([A-J])[)\]>]?[).:/]?$", re.IGNORECASE
)
# Any capital that stands alone, but for "A" before a word (an article) and "I".
LONE_CAPITAL = re.compile(
    r"(?<![A-Za-z0-9_'])(?:[B-HJ](?![A-Za-z0-9_'])|A(?![A-Za-z0-9_'])(?!\s+[a-z])|A(?=\s+(?:is|and|or)\b))"
)
# The options of a question: at a line's start or after a space, "(A) …", "A. …", "A) …", "A: …".
OPTION = re.compile(
    r"(?:^|(?<=[\s,;?:]))(?:[(\[]([A-J])[)\]][.:]?|([A-J])[.):])\s*(?=\S)", re.MULTILINE
)


def bare_letter(text: str) -> str | None:
    """The letter of a text that is nothing but an option letter."""
    match = BARE_LETTER.match(normalise(text))
    return match[1].upper() if match else None


def read_options(question: str) -> dict[str, str]:
    """The options by letter; empty unless they run A, B, … without a gap."""
    marks = list(OPTION.finditer(question))
    options: dict[str, str] = {}
    for mark, following in zip_longest(marks, marks[1:]):
        letter = mark[1] or mark[2]
        if letter != chr(ord("A") + len(options)):
            continue
        end = following.start() if following else len(question)
        lines = question[mark.end() : end].strip().splitlines()
        options[letter] = lines[0].strip(" ,;") if lines else ""
    return options if len(options) > 1 else {}


def chosen_letter(answer: str, options: dict[str, str]) -> str | None:
    """The one option that an answer chooses, by letter or in words; None: none, or several.

    A letter and a text that belong to different options choose nothing.
    """
    letter = bare_letter(answer)
    same = [key for key, text in options.items() if normalise(text) == normalise(answer)]
    if letter or same:
        return letter or (same[0] if len(same) == 1 else None)
    letters = mentioned_letters(answer) or options.keys()
    fitting = [key for key in letters if _fits(answer, key, options)]
    return fitting[0] if len(fitting) == 1 and (options or len(letters) == 1) else None


def mentioned_letters(answer: str) -> set[str]:
    """The option letters that stand alone in a text; an article "A" is none."""
    return set(LONE_CAPITAL.findall(clean(answer)))


def option_words(answer: str, options: dict[str, str]) -> set[str]:
    """The answer's words by which some options differ from others."""
    words: list[set[str]] = [set(tokens(text)) - FUNCTION for text in options.values()]
    differing = set().union(*words) - words[0].intersection(*words) if words else set()
    return set(tokens(answer)) & differing


def _fits(answer: str, letter: str, options: dict[str, str]) -> bool:
    """Whether the words speak for this option alone, without a doubt; beside a letter none need."""
    said, own = set(tokens(answer)), set(tokens(options.get(letter, "")))
    named = option_words(answer, options)
    if (NEGATIONS | HEDGES) & said - own or "?" in answer or len(mentioned_letters(answer)) > 1:
        return False
    if mentioned_letters(answer):
        return named <= own
    is_number = any(word.isdigit() for word in own)
    is_whole = named <= own and own - FUNCTION <= said and not said & ATTRIBUTES - own
    return bool(named) and is_whole and not is_number

"""Multiple choice: the options in a question, and the letter that an answer chooses."""

from __future__ import annotations

import re
from itertools import zip_longest

from swift_deepeyes.judge.rules.lexicon import ATTRIBUTES, FUNCTION, HEDGES, NEGATIONS
from swift_deepeyes.judge.rules.text import clean, normalise
from swift_deepeyes.judge.rules.words import tokens

# "A", "(A)", "A.", "[a]", "Option C": nothing but the letter.
BARE_LETTER = re.compile(
    r"^(?:option|choice|answer)?\s*[(\[<]?([A-J])[)\]>]?[).:/]?$", re.IGNORECASE
)
# "the answer is (B)", "Answer: B", "答案是B": where an answer says that it concludes.
NAMED_LETTER = re.compile(
    r"(?:\b(?:[Aa]nswer|ANSWER|[Cc]hoice|[Cc]hoose)\b|答案|选)"
    r"(?:\s*(?:\bis\b|\boption\b|\bwould be\b|[是为]))*\s*[:=,]?\s*[(\[]?([A-J])(?![A-Za-z'])"
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
    """The one option that an answer chooses; None if it chooses none, or more than one.

    A letter and a text that belong to different options choose nothing.
    """
    letter = bare_letter(answer)
    if letter:
        return letter
    text = clean(answer)
    named = list(NAMED_LETTER.finditer(text))
    said = text[named[-1].start() :] if named else text
    mentioned = mentioned_letters(said)
    if named:
        mentioned.add(named[-1][1])
    if not mentioned:
        return _by_text(text, options)
    if len(mentioned) > 1:
        return None
    letter = mentioned.pop()
    doubts = (NEGATIONS | HEDGES) & set(tokens(said))
    if doubts - set(tokens(options.get(letter, ""))):
        return None
    return _confirmed(letter, said, options)


def mentioned_letters(answer: str) -> set[str]:
    """The option letters that stand alone in a text; an article "A" is none."""
    return set(LONE_CAPITAL.findall(clean(answer)))


def _confirmed(letter: str, rest: str, options: dict[str, str]) -> str | None:
    """The letter, unless the words beside it are another option's text."""
    others = {other for other, text in options.items() if other != letter and _contains(rest, text)}
    own = letter in options and _contains(rest, options[letter])
    return None if others and not own else letter


def _by_text(answer: str, options: dict[str, str]) -> str | None:
    """The one option that the answer is, or whose words it says and no other's, without a doubt."""
    same = [letter for letter, text in options.items() if normalise(text) == normalise(answer)]
    if same:
        return same[0] if len(same) == 1 else None
    said = set(tokens(answer))
    if (NEGATIONS | HEDGES) & said or "?" in answer:
        return None
    named = option_words(answer, options)
    whole = []
    for letter, text in options.items():
        own = set(tokens(text))
        is_said = named <= own and own - FUNCTION <= said and not said & ATTRIBUTES - own
        if named and is_said and not any(word.isdigit() for word in own):
            whole.append(letter)
    return whole[0] if len(whole) == 1 else None


def option_words(answer: str, options: dict[str, str]) -> set[str]:
    """The answer's words by which some options differ from others."""
    words = [set(tokens(text)) - FUNCTION for text in options.values()]
    differing = set.union(*words) - set.intersection(*words) if words else set()
    return set(tokens(answer)) & differing


def _contains(text: str, part: str) -> bool:
    words = normalise(part)
    return (
        bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", normalise(text)) is not None
    )

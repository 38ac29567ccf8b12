"""Sentences: an answer must say what the reference sentence says, and nothing against it.

The idea: what the reference adds to the question is its *core* ("The colour of the bag is red" to
"What is the colour of the bag?" adds "red"). An answer is right if it adds exactly the same. This
refuses many good paraphrases and accepts very few bad ones; a judge model is there for the rest.
"""

from __future__ import annotations

import re
from itertools import pairwise

from swift_deepeyes.judge.rules.lexicon import (
    ATTRIBUTES,
    FILLERS,
    HEDGES,
    NEGATIONS,
    OPEN_HEDGES,
    PHRASES,
    RELATIONS,
    SYNONYMS,
    VERBS,
    YES_NO,
)
from swift_deepeyes.judge.rules.numbers import spell
from swift_deepeyes.judge.rules.text import canonical
from swift_deepeyes.scoring.verdict import Outcome

# Chinese and Japanese stand without spaces: there each character is a word.
IDEOGRAPH = "\u3040-\u30ff\u4e00-\u9fff"
TOKEN = re.compile(
    rf"[a-z]+n't|(?<!\S)-\d+(?:[./:,]\d+)*|[{IDEOGRAPH}]|[^\W_{IDEOGRAPH}]+(?:[./:,]\d+)*"
)
POLAR_QUESTION = re.compile(
    r"(?:^|[.,!?\n]\s*)(?:is|are|was|were|does|do|did|can|could|has|have|will)\b[^.?\n]*\?"
    r"|[^\n]*(?:吗|是否|有没有|是不是)[^\n]*",
    re.I,
)
# "Yes, …", "No": a reference that opens with its verdict.
VERDICT_FIRST = re.compile(r"^\W*\w+\s*(?:[,.;:!\u3002\uff0c-]|$)")
OFFER = re.compile(r"(?:(\w+) )?\b(\w+),? or (?:(?:the|a|an|on|in|is) )*(\w+)")
LISTED = re.compile(r"[,;/&+]|\b(?:and|with|plus)\b|[和与、]")
UNUSUAL = re.compile(r"[^\w\s.,;:()'\"?!#-]")
# A word in any script, which a formula has not: `\\frac` is a command.
WORD = re.compile(rf"(?<![\\A-Za-z])[^\W\d_{IDEOGRAPH}]{{2,}}|[{IDEOGRAPH}]")
LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
BEFORE_NOUN = frozenset({"is", "are", "was", "were", "the", "a", "kind", "type", "sort", "of"})
PRONOUNS = frozenset({"it", "he", "she", "they"})

KEPT = NEGATIONS | HEDGES | FILLERS | ATTRIBUTES
MAX_WORDS = 60


def tokens(text: str) -> list[str]:
    """Words in order: lower case, singular, digits for number words, one word per synonym."""
    text = spell(text).casefold()
    for phrase, word in PHRASES:
        text = text.replace(phrase, word)
    return [_canonical(word) for word in TOKEN.findall(text)]


def adds_only(text: str, known: str) -> bool:
    """Whether a text has no words but those of `known` and such as have no content."""
    return not UNUSUAL.search(text) and set(tokens(text)) <= FILLERS | set(tokens(known))


def is_polar(question: str) -> bool:
    """A question for yes or no: it offers no alternatives."""
    match = POLAR_QUESTION.search(question)
    return match is not None and " or " not in match[0].lower()


def wanted_polarity(question: str, reference: str, answer: str) -> bool | None:
    """What a yes-no question is answered with; None: this is not what decides."""
    said, meant = tokens(answer), tokens(reference)
    wanted = YES_NO.get(meant[0]) if meant else None
    if wanted is not None and (VERDICT_FIRST.match(reference) or is_polar(question)):
        return wanted
    if is_polar(question) and said and said[0] in YES_NO:
        return not NEGATIONS & set(meant)  # "The man is not wearing a hat." means no
    return None


def compare_polarity(question: str, reference: str, answer: str, wanted: bool) -> Outcome:
    """The first word decides unless the rest contradicts; without a word for it: wrong."""
    said, meant = tokens(answer), tokens(reference)
    if (HEDGES - OPEN_HEDGES) & set(said) - set(meant) or "?" in answer:
        return Outcome.WRONG
    stated = YES_NO.get(said[0]) if said else None
    if stated is None:
        return Outcome.RIGHT if _restated_polarity(question, said) is wanted else Outcome.WRONG
    rest = set(said[1:])
    opposite = {word for word, value in YES_NO.items() if value is not stated}
    contradicted = rest & opposite or (stated and rest & NEGATIONS - set(meant))
    return Outcome.RIGHT if stated is wanted and not contradicted else Outcome.WRONG


def compare(question: str, reference: str, answer: str) -> Outcome:
    """Right if both add the same to the question, with the same negations and no hedging.

    Undecided if the answer adds what the reference adds, and words elsewhere in it that no list
    and no attribute make something else; or if it is in another script.
    """
    if _other_script(reference, answer):
        return Outcome.UNREADABLE
    said, meant, asked = tokens(answer), tokens(reference), tokens(question)
    if not said or not meant or len(said) > MAX_WORDS or _hedged(said, meant):
        return Outcome.WRONG
    if sorted(NEGATIONS & set(said)) != sorted(NEGATIONS & set(meant)) or "?" in answer:
        return Outcome.WRONG
    given = set(asked) - _alternatives(question)
    if _other_subject(said, meant, asked) or _other_numbers(said, meant, given):
        return Outcome.WRONG
    core = _content(meant) - given
    added = (_content(said) - given) | _out_of_place(said, [*_pairs(asked), *_pairs(meant)])
    if not core:
        core, added = _content(meant), _content(said)
    if not core <= added or _exchanged(said, meant):
        return Outcome.WRONG
    if core == added:
        signs = [set(UNUSUAL.findall(canonical(text))) for text in (answer, reference)]
        strange = signs[0] - signs[1]
        return Outcome.UNREADABLE if strange else Outcome.RIGHT
    extra = added - core
    is_other = any(one in core and other in extra for one, other in pairwise(said))
    is_list = len(LISTED.findall(answer)) > len(LISTED.findall(reference))
    says_else = extra & ATTRIBUTES or is_list or is_other  # "a newspaper stand"
    return Outcome.WRONG if says_else else Outcome.UNREADABLE


def _other_script(reference: str, answer: str) -> bool:
    """红色 for "red": words that no rule can compare."""
    letters = [[c for c in text if c.isalpha()] for text in (reference, answer)]
    latin = [sum(LATIN.match(c) is not None for c in text) for text in letters]
    if not all(letters) or any(c.isdigit() for c in answer):
        return False
    return (latin[0] == 0) != (latin[1] == 0) and min(latin) == 0


def _other_numbers(said: list[str], meant: list[str], given: set[str]) -> bool:
    """Other numbers, or the same in another order: 5月3日 for 3月5日."""
    numbers, said_numbers = (
        [word for word in words if word[-1].isdigit() and word not in given]
        for words in (meant, said)
    )
    if numbers != said_numbers or _counts_other_things(said, meant):
        return True
    return len(numbers) > 1 and _reordered(said, meant, FILLERS)


def _counts_other_things(said: list[str], meant: list[str]) -> bool:
    """Six tables for six chairs."""
    counted = {number: thing for number, thing in _pairs(meant) if number[0].isdigit()}
    return any(
        number in counted and thing != counted[number] and counted[number] not in said
        for number, thing in _pairs(said)
    )


def _things(words: list[str]) -> set[str]:
    return set(words) - FILLERS - NEGATIONS - HEDGES - YES_NO.keys() - {"you"}


def _content(words: list[str]) -> set[str]:
    content = set(words) - FILLERS
    return content or set(words)


def _other_subject(said: list[str], meant: list[str], asked: list[str]) -> bool:
    """Whether a sentence speaks of things in the question, but not of the reference's subject.

    "The tree is green" to "What colour is the can beside the tree?", "The can is green."
    """
    things = set(asked) - FILLERS - ATTRIBUTES - {_asked_for(asked)}
    # Of "the rider's helmet" the helmet.
    subjects = (word for word, after in zip(meant, [*meant[1:], ""], strict=True) if after != "s")
    subject = next((word for word in subjects if word in things), None)
    is_sentence = VERBS & set(said) and not PRONOUNS & set(said)
    return bool(subject and is_sentence and things & set(said)) and subject not in said


def _asked_for(asked: list[str]) -> str | None:
    """The noun that a question asks about: "What (kind of, is the) material …"."""
    start = next((i for i, word in enumerate(asked) if word in ("what", "which")), len(asked))
    return next((word for word in asked[start + 1 :] if word not in BEFORE_NOUN), None)


def _out_of_place(said: list[str], pairs: list[tuple[str, str]]) -> set[str]:
    """Attributes that stand beside other words than in the question and the reference.

    "The bag on the red chair is blue" may repeat the question's "red"; "red, blue" may not.
    """
    known = {word for pair in _pairs(said) if pair in pairs for word in pair}
    compared = {word for pair in pairs for word in pair if word.endswith("er")}  # "larger"
    return (set(said) & ATTRIBUTES) - known - compared


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    content = [word for word in words if word not in FILLERS]
    return list(pairwise(content))


def _hedged(said: list[str], meant: list[str]) -> bool:
    return bool((HEDGES & set(said)) - set(meant))


def _adds_only(words: list[str], known: list[str]) -> bool:
    return not set(words) - FILLERS - NEGATIONS - set(known)


def _restated_polarity(question: str, said: list[str]) -> bool | None:
    """What "There is a dog" says to "Is there a dog?"; None if it says more than yes or no."""
    clause = POLAR_QUESTION.search(question)
    asked = tokens(clause[0] if clause else question)
    if not _adds_only(said, asked) or _reordered(said, asked, FILLERS | NEGATIONS):
        return None  # "There is no fountain, so there is a bench"
    negations = sum(word in NEGATIONS for word in said)
    if not negations:
        is_whole = _things(asked) <= set(said) and VERBS & set(said)
        return True if is_whole else None
    is_about_it = negations == 1 and _things(asked) & set(said)
    return False if is_about_it else None  # "not false": not ours to untangle


def _exchanged(said: list[str], meant: list[str]) -> bool:
    """Left of what? The same words in another order are another statement."""
    related = RELATIONS & set(meant) & set(said)
    return bool(related) and _reordered(said, meant, FILLERS | RELATIONS)


def _reordered(said: list[str], meant: list[str], ignored: frozenset[str]) -> bool:
    shared = (set(said) & set(meant)) - ignored
    order = [word for word in dict.fromkeys(said) if word in shared]
    return order != [word for word in dict.fromkeys(meant) if word in shared]


def _alternatives(question: str) -> set[str]:
    """The words that a question offers: "open or closed?", "red, blue or green?"."""
    question = question.lower()
    asked = re.findall(r"\w+", question)
    offered = set(ATTRIBUTES & set(question)) if "还是" in question else set()
    for match in OFFER.finditer(question):
        offered |= {match[2], match[3]} | ({match[1] or ""} & ATTRIBUTES)
        offered |= set(re.findall(r"(\w+),", question[: match.end()]))
    # "the left wall or the right wall": what is said twice is no alternative.
    return {_canonical(word) for word in offered if asked.count(word) < 2}


def _canonical(word: str) -> str:
    """A word's synonym and singular, roughly: enough that "dogs" meets "dog"."""
    word = SYNONYMS.get(word, word)
    if word in KEPT:
        return word
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word

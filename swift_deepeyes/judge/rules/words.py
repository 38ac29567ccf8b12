"""Sentences: an answer must say what the reference says, and nothing against it.

The idea: what the reference adds to the question is its *core* ("The colour of the bag is red" to
"What is the colour of the bag?" adds "red"). The clause of the answer that holds the core may add
ordinary words, and after a preposition other things; the clauses around it may explain. What else
is there makes it undecided, and what competes with the core makes it wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from swift_deepeyes.judge.rules.expected import IDEOGRAPH, Expected, clauses, reordered, tokens
from swift_deepeyes.judge.rules.lexicon import (
    ATTRIBUTES,
    FUNCTION,
    HEDGES,
    KINDS,
    LINKS,
    NEGATIONS,
    OPEN_HEDGES,
    ORDINARY,
    PRONOUNS,
    RELATIONS,
    SPATIAL,
    stem,
    word_set,
)
from swift_deepeyes.judge.rules.text import canonical
from swift_deepeyes.scoring.verdict import Outcome

LISTED = re.compile(r"[/&+]|\b(?:and|or|plus)\b|[和与、]")
UNUSUAL = re.compile(r"[^\w\s.,;:()'\"?!#-]")
# A word in any script, which a formula has not: `\\frac` is a command.
WORD = re.compile(rf"(?<![\\A-Za-z])[^\W\d_{IDEOGRAPH}]{{2,}}|[{IDEOGRAPH}]")
LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
VERBS = word_set("is are was were has have had does do did can see will")
CORRECTIONS = word_set("no not or but and then now until 不")
RETRACTIONS = word_set("wait actually sorry oops mean correction rather")
BEFORE_NOUN = frozenset({"is", "are", "was", "the", "a", *map(stem, ("were", "kind", "type"))})
PARTICIPLE = re.compile(r"\s*[a-z]+(?:ing|ed)\b")
SAYING = re.compile(r"\b(?:is|are|says?|said|reads?|writ\w+|shows?|called|named|see)\b|'s\b", re.I)
ARTICLES = frozenset(("a", "an", "the", "its", "his", "her", "their"))
MAX_WORDS = 80
MAX_BARE = 3  # words of a clause without verb: an item of a list


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Wrong before undecided before right."""
    found = set(outcomes)
    order = (Outcome.WRONG, Outcome.UNREADABLE)
    return next((outcome for outcome in order if outcome in found), Outcome.RIGHT)


def compare(question: str, reference: str, answer: str) -> Outcome:
    """Right if a clause says the core, with the same negations, and nothing speaks against it."""
    if _other_script(reference, answer):
        return Outcome.UNREADABLE
    expected = Expected.of(question, reference)
    said = tokens(answer)
    if not said or not expected.meant or len(said) > MAX_WORDS or "?" in answer:
        return Outcome.WRONG
    if not expected.needed <= set(said):
        return Outcome.WRONG
    parts = clauses(answer)
    at = next((i for i, p in enumerate(parts) if expected.needed <= set(tokens(p))), None)
    if at is None or len(clauses(reference)) > 1:
        return _compare_clause(expected, answer, reference)
    outcome = _compare_clause(expected, parts[at], reference)
    return worst((outcome, *around(expected, parts, at)))


def around(expected: Expected, parts: list[str], at: int) -> Iterable[Outcome]:
    """What the clauses before and behind the one that answers make of it."""
    said = [word for word in tokens(parts[at]) if word not in FUNCTION]
    is_last = at == len(parts) - 1 and said[-1:] != [] and said[-1] in expected.core
    yield from (_before(expected, tokens(part), is_last) for part in parts[:at])
    yield from (_after(expected, part) for part in parts[at + 1 :])


def hedged(said: list[str], meant: list[str]) -> bool:
    """Whether words leave it open: "or", "could", "about 5"."""
    vague = any(one in OPEN_HEDGES and other[-1].isdigit() for one, other in pairwise(said))
    return bool(HEDGES & set(said) - set(meant)) or vague


def _before(expected: Expected, said: list[str], is_prose: bool) -> Outcome:
    """A clause in front of the core: an opening, or a sentence about something else."""
    if NEGATIONS & set(said) or _competing(expected, said):
        return Outcome.WRONG
    if hedged(said, expected.meant):
        return Outcome.UNREADABLE
    if not expected.extra(said):
        return Outcome.RIGHT
    if not VERBS & set(said) and not PRONOUNS & set(said):
        return Outcome.WRONG if len(said) <= MAX_BARE else Outcome.UNREADABLE
    return Outcome.RIGHT if is_prose else Outcome.UNREADABLE


def _after(expected: Expected, part: str) -> Outcome:
    """A clause behind the core: an explanation, an item of a list, or a correction."""
    said = tokens(part)
    words = set(said)
    extra = expected.extra(said)
    if said[:1] and (said[0] in CORRECTIONS - set(expected.meant) or words & RETRACTIONS):
        return Outcome.WRONG
    if hedged(said, [*expected.meant, "you", stem("between")]):
        return Outcome.UNREADABLE
    if NEGATIONS & words and (words & expected.core or not extra):
        return Outcome.WRONG
    things = extra - ATTRIBUTES
    of_others = {one for one, other in pairwise(said) if other in things}  # "a white chimney"
    if _competing(expected, [word for word in said if word not in of_others]):
        return Outcome.UNREADABLE if things else Outcome.WRONG
    if not extra:
        return Outcome.RIGHT
    if extra <= _numbers(said) or said[0] in VERBS:
        return Outcome.WRONG
    is_sentence = (
        PARTICIPLE.match(part)
        or VERBS & words
        or PRONOUNS & words
        or said[0] in LINKS - {"a", "an", "the"}
    )
    if not is_sentence and _numbers(said):
        return Outcome.UNREADABLE
    if not is_sentence:
        return Outcome.WRONG if len(said) <= MAX_BARE else Outcome.UNREADABLE
    is_naming = said[0] in PRONOUNS and said[1:2] == ["is"] and len(things) == 1
    return Outcome.UNREADABLE if is_naming else Outcome.RIGHT


def _competing(expected: Expected, said: list[str]) -> bool:
    """Another colour, place or state, where the core is one."""
    others = set(said) - expected.given - set(expected.meant)
    return any(expected.core & kind and others & kind for kind in KINDS)


def _numbers(words: list[str]) -> set[str]:
    return {word for word in words if word[-1].isdigit()}


def _compare_clause(expected: Expected, answer: str, reference: str) -> Outcome:
    said, meant = tokens(answer), expected.meant
    negations = [sum(word in NEGATIONS for word in words) for words in (said, meant)]
    if hedged(said, meant) or negations[0] != negations[1] or _other_subject(expected, said):
        return Outcome.WRONG
    if _other_numbers(expected, said):
        return Outcome.WRONG
    if _exchanged(expected, said, reference):
        is_passive = {"by", "of", "被"} & (set(said) ^ set(meant))
        return Outcome.UNREADABLE if is_passive else Outcome.WRONG
    strange = set(UNUSUAL.findall(canonical(answer))) - set(UNUSUAL.findall(canonical(reference)))
    added = expected.extra(said) | _out_of_place(expected, said)
    if _says_of_other(expected, said, added):
        return Outcome.WRONG
    if not added:
        is_open = strange or _elsewhere(expected, said)
        return Outcome.UNREADABLE if is_open else Outcome.RIGHT
    known = {*expected.meant, *expected.asked} | (
        {"left"} if stem("where") in expected.asked else set()
    )
    if any(added & kind and known & kind for kind in KINDS):
        return Outcome.WRONG
    added -= ATTRIBUTES
    listed = [part for part in LISTED.split(answer)[1:] if set(tokens(part)[:2]) & added]
    if len(LISTED.findall(answer)) > len(LISTED.findall(reference)) and listed:
        return Outcome.WRONG
    is_open = _elsewhere(expected, said) or not is_aside(answer, added)
    return Outcome.UNREADABLE if is_open else Outcome.RIGHT


def _elsewhere(expected: Expected, said: list[str]) -> bool:
    """A place other than the reference's, or a sentence about other things than the question."""
    if VERBS & set(said) and (expected.extra(said) - ATTRIBUTES):
        missing = expected.given - FUNCTION - ORDINARY - {_asked_for(expected.asked)} - set(said)
        if len(missing) > bool(PRONOUNS & set(said)):
            return True
    if stem("where") not in expected.asked:
        return False
    places = [set(words) & {"in", "on", "at"} for words in (said, expected.meant)]
    subject = [word for word in expected.asked if word not in expected.meant]
    order = reordered(said, [*subject, *expected.meant], FUNCTION)
    return order or bool(all(places) and not places[0] & places[1])


def _says_of_other(expected: Expected, said: list[str], added: set[str]) -> bool:
    """A green coat for a green bag, six tables for six chairs; a box beside an umbrella."""
    values = (expected.core & ATTRIBUTES) | _numbers(list(expected.core))
    ends = [*said, "is", "is"][2:]
    counted = {one: other for one, other in pairwise(expected.meant) if one[-1].isdigit()}
    for one, other, end in zip(said, [*said[1:], "is"], ends, strict=True):
        is_other = other in added - ATTRIBUTES or counted.get(one, other) not in {other, *said}
        if one in values and is_other and other not in FUNCTION and end in FUNCTION:
            return True
    first = next((i for i, word in enumerate(said) if word in expected.core), len(said))
    before = [i for i, word in enumerate(said[:first]) if word in added - ATTRIBUTES]
    places = SPATIAL | {"than", "beside", "near", "against"}
    return bool(before) and bool(places & set(said[before[0] : first]) - set(expected.meant))


def is_aside(text: str, added: set[str]) -> bool:
    """Whether added words stand behind prepositions or participles only, not beside the core.

    "The boy on the bench eats an apple sitting in the sun", but not "a newspaper stand".
    """
    said = tokens(text)
    participles = set(map(stem, re.findall(r"[a-z]+(?:ing|ed)\b", text.lower())))
    is_linked = False
    for word, following in zip(said, [*said[1:], "a"], strict=True):
        if word in LINKS - ARTICLES:
            is_linked = True
        elif word in participles and following in LINKS - ARTICLES:
            continue
        elif word in added and not is_linked:
            return False
        elif word not in added and word not in ARTICLES | ATTRIBUTES | ORDINARY:
            is_linked = False
    return True


def _other_script(reference: str, answer: str) -> bool:
    """红色 for "red": words that no rule can compare."""
    letters = [[c for c in text if c.isalpha()] for text in (reference, answer)]
    latin = [sum(LATIN.match(c) is not None for c in text) for text in letters]
    if not all(letters) or any(c.isdigit() for c in answer):
        return False
    return (latin[0] == 0) != (latin[1] == 0) and min(latin) == 0


def _other_numbers(expected: Expected, said: list[str]) -> bool:
    """Other numbers, or the same in another order: 5月3日 for 3月5日."""
    lists = [
        [word for word in words if word[-1].isdigit() and word not in expected.given]
        for words in (expected.meant, said)
    ]
    if not lists[0]:
        return False
    order = len(lists[0]) > 1 and reordered(said, expected.meant, FUNCTION)
    return lists[0] != lists[1] or order


def _other_subject(expected: Expected, said: list[str]) -> bool:
    """Whether a sentence speaks of things in the question, but not of the reference's subject.

    "The tree is green" to "What colour is the can beside the tree?", "The can is green."
    """
    things = set(expected.asked) - FUNCTION - ORDINARY - ATTRIBUTES - {_asked_for(expected.asked)}
    meant = expected.meant  # of "the rider's helmet" the helmet
    subjects = (word for word, after in zip(meant, [*meant[1:], ""], strict=True) if after != "s")
    subject = next((word for word in subjects if word in things), None)
    is_sentence = VERBS & set(said) and not PRONOUNS & set(said)
    return bool(subject and is_sentence and things & set(said)) and subject not in said


def _asked_for(asked: list[str]) -> str | None:
    """The noun that a question asks about: "What (kind of, is the) material …"."""
    start = next((i for i, word in enumerate(asked) if word in ("what", "which")), len(asked))
    return next((word for word in asked[start + 1 :] if word not in BEFORE_NOUN), None)


def _out_of_place(expected: Expected, said: list[str]) -> set[str]:
    """Attributes that stand beside other words than in the question and the reference.

    "The bag on the red chair is blue" may repeat the question's "red"; "red, blue" may not.
    """
    pairs = [*_pairs(expected.asked), *_pairs(expected.meant)]
    known = {word for pair in _pairs(said) if pair in pairs for word in pair}
    compared = {word for pair in pairs for word in pair if word.endswith("er")}  # "larger"
    return (set(said) & ATTRIBUTES) - known - compared - expected.core


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(pairwise(word for word in words if word not in FUNCTION))


def _exchanged(expected: Expected, said: list[str], reference: str) -> bool:
    """Left of what, and who feeds whom? The same words in another order are another statement."""
    if RELATIONS & set(expected.meant) & set(said):
        return reordered(said, expected.meant, FUNCTION | RELATIONS)
    if LISTED.search(reference):
        return False
    others = set(said) - expected.core
    modifiers = {word for word in ATTRIBUTES if word.isascii()}
    return reordered(said, expected.meant, FUNCTION | ORDINARY | modifiers | others)

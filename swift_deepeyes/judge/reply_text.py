"""The text of a judge's reply: the part that speaks, and the words in which a line gives a verdict.

Speaking are neither thoughts nor an echo of the answer nor markup. The list of words is closed and
short on purpose: what is not in it is unreadable and asked again, which costs one call, while a
word read the wrong way becomes a reward. "Right" is not in it: it is a direction as often as a
verdict.
"""

from __future__ import annotations

import re
import unicodedata

from swift_deepeyes.judge.request import defuse
from swift_deepeyes.scoring.verdict import JudgeQuestion, Outcome

RIGHT_MARKS, WRONG_MARKS = "✅✔✓☑", "❌✗✘✖❎"
_RIGHT = (
    *("1.0", "1/1", "1", "true", "correct", "yes", "equivalent", "consistent"),
    *("正确", "对", "一致", "等价", "正解", "정답"),
    *("correcto", "verdadero", "richtig", "vrai", "верно", "правильно"),
)
_WRONG = (
    *("0.0", "0/1", "0", "false", "incorrect", "wrong", "no", "inconsistent"),
    *("not true", "not correct", "not right", "not equivalent", "not consistent", "not a match"),
    *("isn't correct", "isn't true", "isn't right", "nonequivalent", "non-equivalent"),
    *("不正确", "错误", "错", "不对", "不一致", "不等价", "不正解", "오답"),
    *("incorrecto", "falso", "falsch", "faux", "неверно", "неправильно"),
)
_OUTCOMES = dict.fromkeys(_RIGHT, Outcome.RIGHT) | dict.fromkeys(_WRONG, Outcome.WRONG)
_OUTCOMES |= dict.fromkeys(RIGHT_MARKS, Outcome.RIGHT) | dict.fromkeys(WRONG_MARKS, Outcome.WRONG)

_WORDS = "|".join(
    re.escape(word).replace(r"\ ", r"\s+") for word in sorted(_OUTCOMES, key=len, reverse=True)
)
# Whole words only: neither "10" nor "0.5" nor "-1" nor "is_correct" nor "1/2" is a verdict.
WORD = rf"(?P<word>{_WORDS})(?![\w%/\u2044\u00b0]|[.,:]\d|-\w)"
_OPENING, _CLOSING = r"[\s\"'(\[{<#|]*", r"[\s\"')\]}>.!|。]*"
_WHOLE = re.compile(rf"{_OPENING}{WORD}{_CLOSING}", re.IGNORECASE)

# "0 - it says blue", "1 (consistent)", "1 because both say red": the verdict and a remark on it.
_REMARK = re.compile(
    rf"[\s\"'\[<]*{WORD}[\"'\]>]*"
    r"(?P<joint>\s*[,;、。]|\.(?=\s)|:(?=\s)|\s+-+(?=\s)|\s*[\u2013\u2014]|"
    r"\s+(?:because|since|as)\b|\s*(?=\([^()]*\)\s*(?:$|[-.,;:!。\u2013\u2014])))"
    r"\s*(?P<remark>.*)",
    re.IGNORECASE | re.DOTALL,
)
# A remark that begins so does not follow from the verdict before it: "1 (correct) or 0".
_DOUBT = re.compile(r"\b(?:if|unless|otherwise)\b|\?|如果|否则", re.IGNORECASE)
_AGAINST_RIGHT = re.compile(
    r"\b(?:or|but|however|although|though|actually|wait|incorrect|wrong|false|mismatch)\b|\b2[.)]\s|"
    r"\bout of (?!1\b)|\ufffc|但|不正确|错误|不一致",
    re.IGNORECASE,
)
# A lone word is weaker than the digit that was asked for: "Yes, the answer says blue, not red".
_AGAINST_WORD = re.compile(
    r"\b(?:not|no|never|differ\w*|instead|while|whereas|unlike|contradict\w*|only|except|should)\b|"
    r"n't\b|不",
    re.IGNORECASE,
)
_OTHER_DIGIT = {
    digit: re.compile(rf"(?<![\w.,/]){other}(?![\w/%]|[.,]\d)") for digit, other in ("01", "10")
}

_ANSWER = (
    r"(?:(?:the|this|that|given|provided|predicted|candidate|final|(?:student|model)'s)\s+)*"
    r"(?:answer|response|prediction)|it|they|both(?:\s+answers)?|(?:the\s+)?two(?:\s+answers)?"
)
_SO = r"(?:(?:so|therefore|thus|hence|overall|in conclusion)\b,?\s*)?"
_SENTENCE = re.compile(
    rf"{_SO}(?:{_ANSWER})\s+(?:(?:is|are|was|were)\s+)?"
    r"(?P<word>correct|equivalent|consistent|incorrect|wrong|inconsistent|different|"
    r"(?:not|isn't|aren't)\s+(?:correct|right|true|equivalent|consistent))[\s.!]*",
    re.IGNORECASE,
)
_CHINESE_SENTENCE = re.compile(
    r"(?:因此|所以|综上)?,?(?:(?:该|此|这个|给定的?|模型的?|学生的?)?(?:答案|回答)|二者|两者)是?"
    r"(?P<word>不?正确|错误|不?对|错|不?一致)的?[。.!]*"
)
_AGAINST_SENTENCE = re.compile(
    rf"\b(?:{_ANSWER})\s+(?:(?:is|are|was|were)\s+(?:incorrect|wrong|inconsistent|different|"
    r"not\s+(?:correct|right|true|equivalent|consistent|the same))|"
    r"(?:isn't|aren't)\s+(?:correct|right|true|equivalent)|(?:does|do)(?:\s+not|n't)\s+match)",
    re.IGNORECASE,
)


def outcome_of(word: str) -> Outcome:
    """What one word of the list says."""
    plain = " ".join(word.lower().split())
    if plain in _OUTCOMES:
        return _OUTCOMES[plain]
    return Outcome.WRONG  # the sentences' negations and "different"


def read_whole(line: str) -> Outcome | None:
    """The verdict of a line (or value) that is nothing else; None if it is anything else."""
    bare, marks = _without_marks(line)
    match = _WHOLE.fullmatch(bare) or _SENTENCE.fullmatch(bare.strip())
    match = match or _CHINESE_SENTENCE.fullmatch(bare.strip())
    if match is not None:
        marks.add(outcome_of(match["word"]))
    elif bare.strip():
        return None
    return marks.pop() if len(marks) == 1 else None


def read_line(line: str, *, is_value: bool = False) -> Outcome | None:
    """The verdict of a line that begins with one and may remark on it.

    `is_value`: it stands behind "Judgement:", where "1." cannot be the number of a list's item.
    """
    whole = read_whole(line)
    match = None if whole is not None else _REMARK.fullmatch(_without_marks(line)[0].strip())
    if match is None:
        return whole
    word, joint, remark = match["word"].lower(), match["joint"].strip(), match["remark"]
    if _DOUBT.search(remark) or (word in _OTHER_DIGIT and _OTHER_DIGIT[word].search(remark)):
        return None
    is_number = word[0].isdigit() or word == "no"
    if joint in (",", ";", ".") and is_number and remark[:1].isdigit():
        return None  # "1, 2 and 3 are red", "No. 1"
    outcome = outcome_of(word)
    if outcome is Outcome.RIGHT:
        # "1. The answer says blue" is an item of a list, "Correct: red" names the reference.
        is_ambiguous = joint == ":" or (joint == "." and word[0].isdigit())
        is_weak = not word[0].isdigit() and word != "true"
        if (is_ambiguous and not is_value) or _AGAINST_RIGHT.search(remark):
            return None
        if is_weak and _AGAINST_WORD.search(remark):
            return None
    return outcome


def speaks_against(text: str) -> bool:
    """Whether a sentence anywhere in `text` calls the answer wrong."""
    return _AGAINST_SENTENCE.search(text) is not None


def _without_marks(line: str) -> tuple[str, set[Outcome]]:
    """The line without ticks and crosses, and what these say."""
    marks = {_OUTCOMES[sign] for sign in line if sign in _OUTCOMES and not sign.isalnum()}
    return line.translate(dict.fromkeys(map(ord, RIGHT_MARKS + WRONG_MARKS))), marks


ECHO = "\ufffc"  # stands where the answer was repeated: what is around it must not join
SHORTEST_ECHO = 4  # characters; a shorter answer ("1") cannot be distinguished from a verdict

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe0e\ufe0f\ufeff]")
_FENCED = re.compile(r"<(ANSWER-[0-9a-f]{12})>.*?(?:</\1>|\Z)", re.DOTALL)
_TAG = r"(?:seed:)?(?:think(?:ing)?|thoughts?|reasoning|analysis|scratchpad)"
_OPEN_THOUGHT = re.compile(rf"<{_TAG}>|◁think▷|\[THINK\]|<\|begin_of_thought\|>", re.IGNORECASE)
_CLOSE_THOUGHT = re.compile(rf"</{_TAG}>|◁/think▷|\[/THINK\]|<\|end_of_thought\|>", re.IGNORECASE)
# Harmony (GPT-OSS), with its special tokens or with these skipped by the server.
_FINAL_CHANNEL = re.compile(r"<\|channel\|>final[^<]*<\|message\|>|assistantfinal")
_HARMONY = re.compile(r"\s*(?:<\|start\|>|<\|channel\|>|(?:analysis|commentary)(?![\s:*]))")
_SPECIAL_TOKEN = re.compile(r"<\|[^<>|]{0,40}\|>|</?s>|<end_of_turn>")
_QUOTES = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d\u300e\u300f", '"') | {"\u2018": "'"}
)


def spoken_text(reply: str, question: JudgeQuestion) -> str | None:
    """The part that the judge says in words of its own; None if it never came to that."""
    text = _without_echo(_plain(reply), question.answer)
    if _HARMONY.match(text):
        text = text[_end_of_last(_FINAL_CHANNEL, text) :]
        if _HARMONY.match(text):
            return None
    end = _end_of_last(_CLOSE_THOUGHT, text)
    # A lone `</think>` ends a thought that the template began; behind a verdict it is a quotation.
    if end and not _OPEN_THOUGHT.search(text[:end]) and read_line(text[:end].split("\n")[0]):
        return None
    text = text[end:]
    return None if _OPEN_THOUGHT.search(text) else _SPECIAL_TOKEN.sub("", text)


def spoken_lines(text: str) -> list[str]:
    """The non-empty lines without Markdown and LaTeX; a heading ends in a colon."""
    text = re.sub(r"\\(?:boxed|text|textbf|mathrm|mathbf)\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\\(?:boxed|text|textbf|mathrm|mathbf)\{([^{}]*)\}", r"\1", text)
    # `<verdict>1</verdict>` is a label and its value, where nothing else is on the line.
    text = re.sub(r"(?m)(?:^|(?<=>))[ \t]*<(\w+)>([^<>]*)</\1>[ \t]*$", _tag_as_line, text)
    lines = (_without_markdown(line) for line in text.translate(_QUOTES).splitlines())
    return [line for line in lines if line.strip("-=_ \t")]


def _tag_as_line(match: re.Match[str]) -> str:
    name, content = match[1], match[2].strip()
    return f"\n{'final answer' if name.lower() == 'answer' else name}: {content}\n"


def _without_markdown(line: str) -> str:
    line = line.strip()
    if line.startswith("```"):
        return ""
    is_heading = re.fullmatch(r"#+\s.*[^\W\d].*|\*\*[^*]*[^\W\d][^*]*\*\*", line) is not None
    line = re.sub(r"^[*+•]\s+", "- ", line)
    line = re.sub(r"[*`$]|__|^#+\s+", "", line).strip()
    is_heading = is_heading and read_whole(line) is None and not re.search(r"[.:=]", line)
    return f"{line}:" if is_heading else line


def _plain(text: str) -> str:
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).replace("\u2019", "'")


def _without_echo(reply: str, answer: str) -> str:
    """The reply without the answer, whole or line by line, and without the prompt's fence."""
    reply = _FENCED.sub(ECHO, reply)
    seen = defuse(answer)  # what the judge read
    pieces = {
        _plain(piece).strip() for text in (answer, seen) for piece in (text, *text.splitlines())
    }
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= SHORTEST_ECHO and not _is_bare_verdict(piece):
            reply = reply.replace(piece, ECHO)
    return reply


def _is_bare_verdict(piece: str) -> bool:
    """One word that is a verdict ("TRUE"): a judge that replies so repeats nothing."""
    return len(piece.split()) == 1 and read_whole(piece) is not None


def _end_of_last(pattern: re.Pattern[str], text: str) -> int:
    return max((match.end() for match in pattern.finditer(text)), default=0)

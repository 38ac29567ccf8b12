"""The part of a judge's reply that may state a verdict: no thoughts, no echo, no markup."""

from __future__ import annotations

import re
import unicodedata

from swift_deepeyes.judge.prompt import defuse
from swift_deepeyes.judge.verdict_words import read_line, read_whole
from swift_deepeyes.scoring.verdict import JudgeQuestion

ECHO = "\ufffc"  # stands where the answer was repeated: what is around it must not join
SHORTEST_ECHO = 4  # characters; a shorter answer ("1") cannot be told from a verdict

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
    seen = defuse(answer)  # what the judge was shown
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

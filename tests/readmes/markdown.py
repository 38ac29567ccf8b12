"""What the tests read of a Markdown file: headings, links, code blocks and their commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
_ASSIGNMENT = re.compile(r"[A-Z_]+=")


@dataclass(frozen=True)
class Command:
    """One command of a shell block: its words, and the variables set before it."""

    words: tuple[str, ...]
    variables: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(self.words)


@dataclass(frozen=True)
class Page:
    """A README by its path, and what stands in it."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """The text without its code blocks."""
        return _BLOCK.sub("", self.text)

    @property
    def headings(self) -> list[tuple[int, str]]:
        return [
            (len(found[1]), found[2]) for found in re.finditer(r"^(#+) (.+)$", self.prose, re.M)
        ]

    @property
    def anchors(self) -> set[str]:
        """As GitHub makes them of headings."""
        titles = (re.sub(r"[^\w\- ]", "", title.lower()) for _, title in self.headings)
        return {title.replace(" ", "-") for title in titles}

    @property
    def links(self) -> list[str]:
        return re.findall(r"\]\(([^)\s]+)\)", self.prose)

    def blocks(self, language: str) -> list[str]:
        return [code for kind, code in _BLOCK.findall(self.text) if kind == language]

    @property
    def commands(self) -> list[Command]:
        """Of the shell blocks, and those that stand in a sentence."""
        lines = [line for code in self.blocks("bash") for line in _logical_lines(code)]
        lines += re.findall(r"`((?:bash|python|swift-deepeyes) [^`…|]+)`", self.prose)
        return [command for line in lines for command in commands_of(line)]


ROOMS = (".github", "scripts", "swift_deepeyes", "tests")
PAGES = [
    Page(path)
    for path in sorted(ROOT.rglob("*.md"))
    if path.name.startswith(("README", "CONTRIBUTING"))
    and path.relative_to(ROOT).parts[0] in (*ROOMS, path.name)
]


def _logical_lines(code: str) -> list[str]:
    """Lines, those that end in a backslash or inside quotes joined with the next."""
    lines, waiting = [], ""
    for line in code.splitlines():
        waiting += line
        if waiting.endswith("\\"):
            waiting = waiting.removesuffix("\\")
        elif _is_whole(waiting):
            lines.append(waiting)
            waiting = ""
        else:
            waiting += "\n"
    assert not waiting, f"unfinished: {waiting}"
    return lines


def _is_whole(line: str) -> bool:
    try:
        shlex.split(line, comments=True)
    except ValueError:  # no closing quotation
        return False
    return True


def commands_of(line: str) -> list[Command]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    commands, words = [], list[str]()
    for word in [*lexer, "&&"]:
        if word in ("&&", "||", "|", ";", "&"):
            if words:
                commands.append(_command(words))
            words = []
        else:
            words.append(word)
    return commands


def _command(words: list[str]) -> Command:
    if words[0] == "export":
        return Command(("export",), tuple(words[1:]))
    first = next((at for at, word in enumerate(words) if not _ASSIGNMENT.match(word)), len(words))
    return Command(tuple(words[first:]), tuple(words[:first]))

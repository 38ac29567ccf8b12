r"""Reading the strict way: thoughts, `<answer>` blocks and `\boxed{}` of one turn's text.

Everything runs in one pass over the text, because a model can write 10,000 opening tags in a turn.
"""

from __future__ import annotations

import re

from swift_deepeyes.frozen import FrozenModel

_ANSWER_TAG = re.compile(r"</?answer>")
# In `\boxed{\{1, 2\}}` the escaped braces are text, not grouping.
_BRACE = re.compile(r"\\boxed\{|\\[{}]|[{}]")
BOXED_OPENING = "\\boxed{"


class AnswerBlocks(FrozenModel):
    """The complete `<answer>…</answer>` blocks of a text, stripped, innermost where they nest.

    None at all where the last one is never closed: what the text meant to answer is not known then.
    """

    answers: tuple[str, ...]
    is_balanced: bool
    has_tags: bool


class BoxedParts(FrozenModel):
    r"""The contents of complete `\boxed{}`s, outermost where they nest, braces read whole.

    `count` counts the nested ones too.
    """

    contents: tuple[str, ...]
    count: int
    is_balanced: bool


def find_answers(text: str) -> AnswerBlocks:
    """The answer blocks of what was said."""
    answers: list[str] = []
    opening, is_balanced, has_tags = None, True, False
    for tag in _ANSWER_TAG.finditer(text):
        has_tags = True
        if tag.group() == "<answer>":
            is_balanced &= opening is None
            opening = tag
        elif opening is None:
            is_balanced = False
        else:
            answers.append(text[opening.end() : tag.start()].strip())
            opening = None
    return AnswerBlocks(
        answers=tuple(answers) if opening is None else (),
        is_balanced=is_balanced and opening is None,
        has_tags=has_tags,
    )


def find_boxed(text: str) -> BoxedParts:
    r"""The boxes of a text; `\boxed{\frac{1}{2}}` gives `\frac{1}{2}`, whole."""
    open_groups: list[tuple[bool, int]] = []
    spans: list[tuple[int, int]] = []
    count = 0
    for brace in _BRACE.finditer(text):
        if brace.group() == "}":
            if open_groups:
                is_box, start = open_groups.pop()
                if is_box:
                    count += 1
                    while spans and spans[-1][0] > start:
                        spans.pop()
                    spans.append((start, brace.start()))
        elif brace.group() in ("{", BOXED_OPENING):
            open_groups.append((brace.group() == BOXED_OPENING, brace.end()))
    return BoxedParts(
        contents=tuple(text[start:end].strip() for start, end in spans),
        count=count,
        is_balanced=not any(is_box for is_box, _ in open_groups),
    )

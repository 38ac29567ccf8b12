"""Which tools a question's model may call, as the row or the user names them."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Collection, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from swift_deepeyes.episode.messages import names_no_toolbox
from swift_deepeyes.episode.tool import Tool, Toolbox
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.evaluation.question import Question
from swift_deepeyes.tools import OFFICIAL_TOOLBOX, toolbox_of_row
from swift_deepeyes.tools.toolboxes import all_toolboxes

logger = logging.getLogger(__name__)

_DIGEST_CHARACTERS = 12


class UnknownToolboxError(DeepEyesError):
    """A toolbox that nobody registered; the message says what loads one."""


def named_toolbox(name: str) -> Toolbox:
    """The toolbox that the user names. Raises `UnknownToolboxError`."""
    known = all_toolboxes()
    if name not in known:
        raise UnknownToolboxError(
            f"--toolbox {name}: there is no such toolbox; there are {', '.join(known)}. "
            "--external-plugins loads the file of its tools, as in training."
        )
    return known[name]


def toolbox_of_question(question: Question, chosen: str, prompt: str) -> Toolbox | None:
    """The row's own tools; a benchmark's question has the chosen toolbox's.

    Of the official toolbox it has what its prompt announces, as a row without `env_name`.
    """
    if question.prompt or chosen == OFFICIAL_TOOLBOX:
        return toolbox_of_row(question.toolbox, prompt)
    return named_toolbox(chosen)


def check_toolboxes(questions: Iterable[Question], chosen: str, loaded: Collection[str]) -> None:
    """Refuse rows without any tool because theirs are not loaded; name what was loaded in vain.

    `loaded`: the toolboxes of plugin files. Raises `UnknownToolboxError`.
    """
    questions = list(questions)
    missing = {str(q.toolbox) for q in questions if _lacks_tools(q)}
    if missing:
        raise UnknownToolboxError(
            f"rows of the data name the toolbox {', '.join(sorted(missing))}, which is not loaded: "
            "--external-plugins with the file of its tools, as in training."
        )
    unused = set(loaded) - _used(questions, chosen).keys()
    for name in sorted(unused):
        logger.warning("no question uses %s: --toolbox %s asks them with its tools", name, name)


def describe_own_tools(questions: Iterable[Question], chosen: str) -> str:
    """The toolboxes beside the official one: their tools, and a digest of each one's file.

    Another file under the same name may give other trajectories.
    """
    own = [box for name, box in _used(questions, chosen).items() if name != OFFICIAL_TOOLBOX]
    return "; ".join(
        f"{box.name}: " + ", ".join(f"{name} {_digest(tool)}" for name, tool in box.tools.items())
        for box in own
    )


def _used(questions: Iterable[Question], chosen: str) -> dict[str, Toolbox]:
    """The toolboxes that questions use, whole, by name."""
    known = all_toolboxes()
    found = (toolbox_of_question(question, chosen, _text(question)) for question in questions)
    names = {toolbox.name for toolbox in found if toolbox is not None}
    return {name: known[name] for name in sorted(names)}


def _lacks_tools(question: Question) -> bool:
    name = question.toolbox
    if name is None or names_no_toolbox(name) or name.strip() in all_toolboxes():
        return False
    return toolbox_of_row(None, _text(question)) is None


def _text(question: Question) -> str:
    return "\n".join([*(message.text for message in question.prompt), question.tools])


def _digest(tool: Tool[Any]) -> str:
    try:
        content = Path(inspect.getfile(type(tool))).read_bytes()
    except (TypeError, OSError):  # made in a session, without a file
        return "without a file"
    return sha256(content).hexdigest()[:_DIGEST_CHARACTERS]

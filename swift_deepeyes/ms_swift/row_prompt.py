"""A row's announcement of its tools in the words that `DEEPEYES_PROMPT` asks for, on the fly."""

from __future__ import annotations

from typing import Any

from swift_deepeyes.dataset.columns import ENV_NAME, MESSAGES, TOOLS
from swift_deepeyes.dataset.published import DATASET_PREFIX
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.row_outcome import Note
from swift_deepeyes.prompt_style import PromptStyle
from swift_deepeyes.tools.family_prompt import (
    PromptForm,
    Rewriting,
    corrected_column,
    corrected_prompt,
    in_form,
)

_NOTES = {
    Rewriting.REWRITTEN: (Note.REWRITTEN,),
    Rewriting.OTHER_WORDS: (Note.OTHER_WORDS,),
}


class PromptFormError(DeepEyesError, ValueError):
    """The family's words are asked for, and nobody says which family's."""


def known_form() -> PromptForm | None:
    """How the run's model is told of its tools; None: no run. Raises `PromptFormError`."""
    if process.prompt_form is None and process.settings.prompt is PromptStyle.FAMILY:
        raise PromptFormError(
            "DEEPEYES_PROMPT=family: only `swift rlhf` says which model the rows are for. The fix: "
            "swift-deepeyes prepare --prompt family --family NAME, and DEEPEYES_PROMPT=published"
        )
    return process.prompt_form


def warn_of_unreached(args: Any) -> None:
    """Warn of datasets whose rows are not ours to rewrite, by their names in a run's arguments."""
    style = process.settings.prompt
    names = [str(name) for name in getattr(args, "dataset", None) or []]
    others = [name for name in names if not name.startswith(DATASET_PREFIX)]
    if others and style is not PromptStyle.PUBLISHED:
        process.warn_once(
            "unreached datasets",
            f"DEEPEYES_PROMPT={style} does not reach --dataset {' '.join(others)}: only rows that "
            f"pass through our checks, of names that begin with {DATASET_PREFIX} (or registered "
            "with register_rows). The fix: such a name in its dataset_info.json",
        )


def fills_tools_column(form: PromptForm | None) -> bool:
    """Whether rows of this run's model are told of their tools by `tools`."""
    is_family = process.settings.prompt is PromptStyle.FAMILY
    return is_family and form is not None and form.in_column


def tell_of_tools(row: dict[str, Any], form: PromptForm | None) -> tuple[Note, ...]:
    """Rewrite a row with text contents, in place; what is worth counting of it."""
    style, env_name = process.settings.prompt, row.get(ENV_NAME)
    if style is PromptStyle.FAMILY and form is not None:
        told = in_form(row[MESSAGES], row.get(TOOLS), env_name, form)
        row[MESSAGES] = told.messages
        if form.in_column or TOOLS in row:  # the same columns in all rows of a file
            row[TOOLS] = told.tools
        return _NOTES.get(told.rewriting, ())
    if style is PromptStyle.CORRECTED:
        row[MESSAGES] = corrected_prompt(row[MESSAGES], env_name)
        if row.get(TOOLS):
            row[TOOLS] = corrected_column(row[TOOLS], env_name)
    return ()

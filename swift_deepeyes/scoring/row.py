"""One row as scoring sees it, read from the columns that datasets and engines deliver.

Boundary: column names and their many shapes (dict or JSON string, list or None) end here; what
comes out is typed. Nothing raises: a column that cannot be read is a missing column, and what that
makes impossible is a `RowFault`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import ValidationError

from swift_deepeyes.dataset.columns import (
    DATA_SOURCE,
    ENV_NAME,
    EXTRA_INFO,
    IMAGES,
    MESSAGES,
    REWARD_MODEL,
    SOLUTION,
    TOOLS,
)
from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.dataset.references import references_of
from swift_deepeyes.dataset.values import scalar_text
from swift_deepeyes.dataset.values import struct_of as _struct
from swift_deepeyes.episode.messages import names_no_toolbox, turn_instruction
from swift_deepeyes.episode.trajectory import RECORD_KEY, Trajectory
from swift_deepeyes.frozen import FrozenModel, valid_text
from swift_deepeyes.scoring.scheme import ScoringScheme, scheme_of_source, scheme_of_unknown_source
from swift_deepeyes.scoring.transcript import (
    Transcript,
    has_role,
    prompt_of,
    text_of,
    transcript_of_messages,
    transcript_of_record,
)

COLUMNS = (
    MESSAGES,
    IMAGES,
    TOOLS,
    "rollout_infos",
    "is_truncated",
    "finish_reason",
    DATA_SOURCE,
    ENV_NAME,
    REWARD_MODEL,
    SOLUTION,
    EXTRA_INFO,
)
"""The columns that scoring reads, beside the completion."""

COMPLETION = "completion"
"""The key of the last turn's text in a row's columns."""


_TOOL_ANNOUNCEMENT = "image_zoom_in_tool"


class RowFault(StrEnum):
    """Why a row cannot be scored: a fault of its data, not of the model or the judge."""

    MISSING_TEXT = "missing_text"
    MISSING_REFERENCE = "missing_reference"


class ScoredRow(FrozenModel):
    """What is needed to score one trajectory.

    `source` and `index` are the row's own names (None: not given); `is_known_source` is False where
    `scheme` had to be guessed. `alternatives`: further references, each as good as `reference`.
    """

    source: str | None
    index: str | None
    scheme: ScoringScheme
    is_known_source: bool
    question: str
    reference: str
    alternatives: tuple[str, ...] = ()
    transcript: Transcript | None

    @property
    def fault(self) -> RowFault | None:
        """What makes the row impossible to score, if anything does."""
        if self.transcript is None:
            return RowFault.MISSING_TEXT
        return None if self.reference else RowFault.MISSING_REFERENCE

    @property
    def name(self) -> str:
        """`source/index`, for messages."""
        return f"{self.source or '?'}/{self.index or '?'}"


def read_row(columns: Mapping[str, object]) -> ScoredRow:
    """Read one row's columns (`COLUMNS` and `COMPLETION`; each may be missing)."""
    extra = _struct(columns.get(EXTRA_INFO))
    record = read_record(columns.get("rollout_infos"))
    source = _text(columns.get(DATA_SOURCE))
    prompt = prompt_of(columns.get(MESSAGES), turns_of(columns, record))
    prompt_text = "\n".join(text_of(message.get("content")) or "" for message in prompt)
    known_scheme = scheme_of_source(source)
    has_tool = _has_tool(record, columns.get(ENV_NAME), prompt_text)
    references = references_of(columns)
    return ScoredRow(
        source=source,
        index=_text(extra.get("index")),
        scheme=known_scheme or scheme_of_unknown_source(has_tool, prompt_text),
        is_known_source=known_scheme is not None,
        question=_question(extra, prompt),
        reference=next(iter(references), ""),
        alternatives=references[1:],
        transcript=_transcript(columns, record),
    )


def _transcript(columns: Mapping[str, object], record: Trajectory | None) -> Transcript | None:
    if record is not None and record.turns:
        return transcript_of_record(record)
    images = columns.get(IMAGES)
    if images is None:
        images = _struct(columns.get("rollout_infos")).get(IMAGES)
    is_truncated = (
        columns.get("is_truncated") is True or _text(columns.get("finish_reason")) == "length"
    )
    return transcript_of_messages(
        columns.get(COMPLETION),
        columns.get(MESSAGES),
        images,
        turns=turns_of(columns, record),
        is_truncated=is_truncated,
    )


def turns_of(columns: Mapping[str, object], record: Trajectory | None) -> int | None:
    """How many turns the model wrote, from our record or from ms-swift's count; None: not known."""
    if record is not None and record.turns:
        return len(record.turns)
    count = _struct(columns.get("rollout_infos")).get("num_turns")
    return count if isinstance(count, int) and count > 0 and count is not True else None


def read_record(rollout_infos: object) -> Trajectory | None:
    """The record that our scheduler left; None where it did not run, or a word of it is not so."""
    content = _struct(rollout_infos).get(RECORD_KEY)
    if content is None:
        return None
    try:
        return Trajectory.model_validate(content)
    except (ValidationError, RecursionError):
        return None


def _has_tool(record: Trajectory | None, env_name: object, prompt: str) -> bool:
    if record is not None:
        return bool(record.toolbox)
    if isinstance(env_name, str):
        return not names_no_toolbox(env_name)
    return _TOOL_ANNOUNCEMENT in prompt


def _question(extra: Mapping[str, object], prompt: list[Mapping[str, object]]) -> str:
    # The last question is the one that the model answers; those before it are shots.
    users = (text_of(m.get("content")) for m in reversed(prompt) if has_role(m, "user"))
    question = _text(extra.get("question")) or valid_text(next(filter(None, users), ""))
    # The instruction is about the protocol and would only distract the judge.
    return question.removesuffix(turn_instruction(question)).replace(IMAGE_TAG, "").strip()


def _text(value: object) -> str | None:
    """A scalar column as text; None for nothing, NaN and anything that is not a scalar."""
    return (scalar_text(value) or "").strip() or None

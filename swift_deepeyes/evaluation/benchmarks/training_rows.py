"""Any parquet file in the schema of DeepEyes-Datasets-47k: what was trained on, or held out of it.

The schema is in the dataset's card (ChenShawn/DeepEyes-Datasets-47k): `prompt` (system, user),
`images` (bytes), `env_name`, `reward_model.ground_truth`, `extra_info`. The rows' own prompts are
asked as they are, so options stay in the order of the file. The same rows as JSON are read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from swift_deepeyes.dataset.columns import ENV_NAME, IMAGES, MESSAGES, PROMPT, TOOLS
from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.evaluation.benchmarks.registry import benchmark
from swift_deepeyes.evaluation.benchmarks.row import Row
from swift_deepeyes.evaluation.benchmarks.tables import read_rows
from swift_deepeyes.evaluation.question import Question, Unpack
from swift_deepeyes.frozen import valid_text
from swift_deepeyes.record.record import PromptMessage
from swift_deepeyes.scoring.row import ScoredRow, read_row
from swift_deepeyes.scoring.scheme import ScoringScheme
from swift_deepeyes.scoring.transcript import text_of
from swift_deepeyes.tools.signatures import column_text

# References that rules decide: a letter, yes or no, a number with or without a unit sign.
_CLOSED = re.compile(r"\(?[A-J]\)?\.?|yes|no|[-+]?[\d.,]+\s?%?", re.IGNORECASE)
_PUBLISHED = (
    "The training's files hold 'prompt', 'images', 'reward_model' and 'data_source' "
    "(ChenShawn/DeepEyes-Datasets-47k)."
)


@benchmark("parquet")
def load(path: Path, images: Path | None, unpack: Unpack) -> Iterator[Question]:
    """The rows of a parquet file, or of all parquet files in a folder."""
    files = [path] if path.is_file() else sorted(path.glob("*.parquet"))
    for file in files:
        for row in read_rows(file, _PUBLISHED):
            yield _question(row, images or file.parent, unpack)


def _question(row: Row, folder: Path, unpack: Unpack) -> Question:
    images = row.images(IMAGES, folder, unpack)
    prompt = _prompt(row, len(images))
    read = read_row({**row.fields, MESSAGES: row.value(PROMPT)})
    if not read.reference:
        raise row.error("there is no reference ('reward_model' with 'ground_truth')")
    toolbox = row.fields.get(ENV_NAME)
    return Question(
        id=f"{row.file.stem}/{row.number - 1}",
        images=images,
        text=valid_text(read.question),
        reference=valid_text(read.reference),
        alternatives=tuple(map(valid_text, read.alternatives)),
        category=read.source or "(none)",
        is_closed=_is_closed(read),
        rule=read.scheme,
        prompt=prompt,
        toolbox=toolbox if isinstance(toolbox, str) else None,
        tools=valid_text(column_text(row.fields.get(TOOLS)) or ""),
    )


def _is_closed(read: ScoredRow) -> bool:
    references = (read.reference, *read.alternatives)
    return read.scheme is ScoringScheme.VISUAL and all(map(_CLOSED.fullmatch, references))


def _prompt(row: Row, images: int) -> tuple[PromptMessage, ...]:
    """The row's messages, with a tag for every image: ms-swift, too, puts missing ones in front."""
    value = row.value(PROMPT)
    if not isinstance(value, list):
        raise row.error("the field 'prompt' must be a list of messages")
    messages = [_message(row, entry) for entry in value]
    missing = images - sum(message.text.count(IMAGE_TAG) for message in messages)
    user = next((i for i, message in enumerate(messages) if message.role == "user"), None)
    if missing < 0 or user is None:
        raise row.error("the field 'prompt' has more image tags than images, or no user message")
    text = IMAGE_TAG * missing + messages[user].text
    messages[user] = PromptMessage(role="user", text=text)
    return tuple(messages)


def _message(row: Row, entry: object) -> PromptMessage:
    content = entry if isinstance(entry, Mapping) else {}
    role, text = content.get("role"), text_of(content.get("content"))
    if not isinstance(role, str) or text is None:
        raise row.error("the field 'prompt' has a message without 'role' or 'content'")
    return PromptMessage(role=role, text=valid_text(text))

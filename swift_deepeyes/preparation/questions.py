"""Questions of one's own, a row each, into files that train: `swift-deepeyes make-data`.

A row has an image (or several), a question and an answer. It gets a prompt as the published data's
rows have one, and goes through the same preparation as theirs. A row that cannot be trained on is
left out and named by its place in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from swift_deepeyes.dataset.columns import (
    ABILITY,
    ALTERNATIVES,
    DATA_SOURCE,
    ENV_NAME,
    EXTRA_INFO,
    IMAGE_COLUMNS,
    IMAGES,
    PROMPT,
    REWARD_MODEL,
    STRUCT_KEYS,
    TEXT_COLUMNS,
)
from swift_deepeyes.dataset.fetch import fetch_image
from swift_deepeyes.dataset.images import (
    BadImageError,
    as_entry,
    check_shape,
    decoded,
    read_image,
)
from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.dataset.tables import TableError, read_table
from swift_deepeyes.dataset.values import list_of, scalar_text, texts_of
from swift_deepeyes.episode.messages import names_no_toolbox
from swift_deepeyes.episode.tool import Toolbox
from swift_deepeyes.errors import PrepareError
from swift_deepeyes.preparation.recipe import Recipe
from swift_deepeyes.preparation.report import FileReport, dataset_name
from swift_deepeyes.preparation.run import prepare
from swift_deepeyes.progress import Progress
from swift_deepeyes.scoring.scheme import scheme_of_source
from swift_deepeyes.tools.prompt import (
    PLAIN_INSTRUCTION,
    PLAIN_SYSTEM_PROMPT,
    tool_instruction,
    tool_system_prompt,
)
from swift_deepeyes.tools.toolboxes import OFFICIAL_TOOLBOX, all_toolboxes

QUESTION, ANSWER = "question", "answer"
_READ = (*IMAGE_COLUMNS, QUESTION, ANSWER, ENV_NAME, DATA_SOURCE)
_BATCH = 64  # rows whose images are in memory at once
_TEXT = pa.string()
_SCHEMA = pa.schema(
    [
        *((name, _TEXT) for name in TEXT_COLUMNS),
        (PROMPT, pa.list_(pa.struct([("role", _TEXT), ("content", _TEXT)]))),
        (IMAGES, pa.list_(pa.struct([("bytes", pa.binary()), ("path", _TEXT)]))),
        *(
            (column, pa.struct([(key, _TEXT) for key in keys]))
            for column, keys in STRUCT_KEYS.items()
        ),
    ]
)


class BadRowError(ValueError):
    """A row that cannot be trained on; the message is the reason."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out: `place` is file and line, `reason` what is wrong with it."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class PromptChoice:
    """What the rows' prompts are made of.

    `toolbox`: of rows that name none. `system`: the system prompt of that toolbox's rows; None:
    ours, which announces its tools.
    """

    toolbox: str = OFFICIAL_TOOLBOX
    system: str | None = None

    def messages(self, toolbox: Toolbox | None, question: str, images: int) -> list[dict[str, str]]:
        """The prompt of a row, in the structure of the published ones."""
        if toolbox is None:
            system, instruction = PLAIN_SYSTEM_PROMPT, PLAIN_INSTRUCTION
        else:
            is_own = self.system is not None and toolbox.name == self.toolbox
            system = self.system if self.system and is_own else tool_system_prompt(toolbox)
            instruction = tool_instruction(toolbox)
        tags = "" if IMAGE_TAG in question else IMAGE_TAG * images + "\n"
        user = f"{tags}{question}{instruction}"
        return [{"role": "system", "content": system}, {"role": "user", "content": user}]


@dataclass(frozen=True, slots=True)
class MadeData:
    """What was made: the report of the prepared file, what was left out, columns not looked at."""

    report: FileReport
    bad_rows: tuple[BadRow, ...]
    ignored_columns: tuple[str, ...]


def make_data(
    questions: Path,
    out: Path,
    choice: PromptChoice,
    recipe: Recipe,
    workers: int,
    progress: Progress,
    images: Path | None = None,
) -> MadeData:
    """Make training files of a file of questions (JSON lines, JSON, CSV, TSV or parquet).

    Paths of images count from `images`, else from the file's folder. Raises `PrepareError` and
    `TableError`.
    """
    if not questions.is_file():
        raise PrepareError(f"{questions}: no such file")
    out.mkdir(parents=True, exist_ok=True)
    maker = _Maker(questions, images or questions.parent, choice)
    # In the folder of the result: the images may be more than a temporary file system holds.
    with TemporaryDirectory(prefix=".questions-", dir=out) as folder:
        raw = Path(folder) / questions.name
        progress.say(f"Reading {questions}")
        if not maker.write(raw, workers):
            raise PrepareError(nothing_left(questions, maker.bad_rows))
        report = prepare([raw], out, recipe, workers, progress)
    file = report.files[dataset_name(questions)]
    ignored = tuple(sorted(maker.columns - {*_READ}))
    return MadeData(file, tuple(sorted_by_line(maker.bad_rows)), ignored)


def nothing_left(questions: Path, bad_rows: Sequence[BadRow]) -> str:
    """Why a file gives no row at all."""
    if not bad_rows:
        return f"{questions}: there is no row in it"
    more = f" (and {len(bad_rows) - 1} more)" if len(bad_rows) > 1 else ""
    return f"{questions}: no row can be used. {sorted_by_line(bad_rows)[0]}{more}"


def sorted_by_line(bad_rows: Iterable[BadRow]) -> list[BadRow]:
    """As they stand in the file."""
    return sorted(bad_rows, key=lambda row: int(row.place.rpartition(":")[2]))


class _Maker:
    """Turns one file's rows into rows of the published schema."""

    def __init__(self, questions: Path, images: Path, choice: PromptChoice) -> None:
        self._questions = questions
        self._images = images
        self._choice = choice
        self._toolboxes = all_toolboxes()
        stem = questions.stem
        # A known name would bring that source's own rules.
        self._source = stem if scheme_of_source(stem) is None else f"my_{stem}"
        self.bad_rows: list[BadRow] = []
        self.columns: set[str] = set()

    def write(self, path: Path, threads: int) -> int:
        """Write the good rows as parquet; how many there are."""
        written = 0
        rows = read_table(self._questions, self._note_line)
        with pq.ParquetWriter(path, _SCHEMA) as writer, ThreadPoolExecutor(threads) as pool:
            while batch := list(islice(rows, _BATCH)):
                made = [row for row in pool.map(lambda one: self._row(*one), batch) if row]
                writer.write_table(pa.Table.from_pylist(made, schema=_SCHEMA))
                written += len(made)
        return written

    def _note_line(self, error: TableError) -> None:
        place, _, reason = str(error).removeprefix(f"{self._questions}, line ").partition(" ")
        self.bad_rows.append(BadRow(f"{self._questions.name}:{place}", reason.rstrip(".")))

    def _row(self, number: int, given: Any) -> dict[str, Any] | None:
        place = f"{self._questions.name}:{number}"
        try:
            if not isinstance(given, Mapping):
                raise BadRowError("no object with the fields image, question and answer")
            self.columns |= given.keys()
            return self._made(given, place)
        except (BadRowError, BadImageError) as error:
            self.bad_rows.append(BadRow(place, str(error)))
            return None

    def _made(self, given: Mapping[str, Any], place: str) -> dict[str, Any]:
        question = _text(given, QUESTION)
        references = texts_of(_value(given, (ANSWER,)))
        if not references:
            raise BadRowError(f"the {ANSWER!r} is empty")
        toolbox = self._toolbox(given)
        images = [self._image(image) for image in _images_of(given)]
        first, *further = references
        return {
            DATA_SOURCE: scalar_text(given.get(DATA_SOURCE)) or self._source,
            ABILITY: "",
            ENV_NAME: toolbox.name if toolbox else "",
            PROMPT: self._choice.messages(toolbox, question, len(images)),
            IMAGES: [{"bytes": image, "path": None} for image in images],
            REWARD_MODEL: {
                "style": "model",
                "ground_truth": first,
                ALTERNATIVES: json.dumps(further, ensure_ascii=False) if further else "",
            },
            EXTRA_INFO: {"split": "train", "index": place, "answer": first, "question": question},
        }

    def _toolbox(self, given: Mapping[str, Any]) -> Toolbox | None:
        """The row's own toolbox, where the file has that column; empty: no tool."""
        name = self._choice.toolbox
        if ENV_NAME in given:
            name = (scalar_text(given[ENV_NAME]) or "").strip()
            if names_no_toolbox(name):
                return None
        if name not in self._toolboxes:
            known = ", ".join(self._toolboxes)
            raise BadRowError(
                f"no toolbox is loaded as {name!r} (there are {known}): --external-plugins with "
                "the file of its tools"
            )
        return self._toolboxes[name]

    def _image(self, image: object) -> bytes:
        """The encoded image, after a look at all of its pixels. Raises `BadImageError`."""
        if isinstance(image, str) and (self._images / image).is_file():
            image = str(self._images / image)
        content = read_image(as_entry(image), fetch_image)
        assert content is not None  # with a way to fetch
        check_shape(decoded(content)[0].size)
        return content


def _value(given: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The field of one of these names."""
    for name in names:
        if name in given:
            return given[name]
    there = ", ".join(map(repr, given)) or "none"
    close = get_close_matches(names[0], [str(key) for key in given], n=1, cutoff=0.5)
    hint = f"; is {close[0]!r} meant?" if close else ""
    raise BadRowError(f"there is no {names[0]!r} (there are {there}{hint})")


def _text(given: Mapping[str, Any], name: str) -> str:
    text = (scalar_text(_value(given, (name,))) or "").strip()
    if not text:
        raise BadRowError(f"the {name!r} is empty")
    return text


def _images_of(given: Mapping[str, Any]) -> list[object]:
    images = [image for image in list_of(_value(given, IMAGE_COLUMNS[::-1])) if image]
    if not images:
        raise BadRowError("the 'image' is empty")
    return images

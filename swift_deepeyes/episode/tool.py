"""What a tool is to the engine: a name, typed arguments, and a run that gives an observation.

Concrete tools and toolboxes are in `swift_deepeyes.tools`.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ValidationError,
)

from swift_deepeyes.episode.argument_types import typed_arguments
from swift_deepeyes.episode.boxes import Box, BoxError, BoxRules, Frame, fit_box, read_box
from swift_deepeyes.episode.calls import JsonMistakeError, ToolCall, strict_json
from swift_deepeyes.episode.dialects.dialect import Dialect
from swift_deepeyes.episode.dialects.registry import READERS
from swift_deepeyes.episode.images import ConversationImages, ImageView
from swift_deepeyes.episode.result import ToolResult
from swift_deepeyes.episode.trajectory import CallStatus
from swift_deepeyes.episode.view import UnreadableImageError
from swift_deepeyes.settings import IndexedImages

_REFUSED = "refused"
_LONGEST_KIND = 40


class ToolError(Exception):
    """The model's mistake: `message` goes back to it as text. Any other exception is a bug.

    Write what was wrong and what is allowed, never the model's own text: an `<image>` in it would
    take the next crop's place in the conversation. `kind` is a short name for the record and the
    curve `tool_calls/failed/<kind>`; any will do. `ToolError(CallStatus.X, message)` works as well.
    """

    def __init__(self, message: str, text: str | None = None, *, kind: str = _REFUSED) -> None:
        if text is not None:
            kind, message = message, text
        super().__init__(message)
        self.kind = _kind_name(kind)
        self.message = message


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may look at: the conversation's images and the rules for boxes.

    `indexed`: which of the images have a number by which the model can name them.
    """

    images: ConversationImages
    frame: Frame
    rules: BoxRules
    indexed: IndexedImages = IndexedImages.ALL

    def show(self, index: int) -> ImageView:
        """Image number `index` as the model saw it. Raises `ToolError`."""
        if index >= self._count:
            raise ToolError(self._allowed(), kind=CallStatus.BAD_IMAGE_INDEX)
        try:
            return self.images.show(index)
        except IndexError:
            raise ToolError(self._allowed(), kind=CallStatus.BAD_IMAGE_INDEX) from None
        except UnreadableImageError:
            raise ToolError(
                "This image cannot be opened; answer without it.", kind=CallStatus.UNREADABLE_IMAGE
            ) from None

    @property
    def _count(self) -> int:
        is_all = self.indexed is IndexedImages.ALL
        return len(self.images) if is_all else self.images.source_count

    def _allowed(self) -> str:
        if self._count == 0:
            return "There is no image."
        allowed = "is 0" if self._count == 1 else f"is 0 to {self._count - 1}"
        if self._count == len(self.images):
            return f"There is no such image: it {allowed}."
        return (
            f"There is no such image: only the images of the question have a number, it {allowed}. "
            "A box counts in one of these."
        )

    def box(self, numbers: object, image: ImageView) -> Box:
        """The model's four numbers as a box in whole pixels of the view. Raises `ToolError`."""
        try:
            return fit_box(read_box(numbers, self.frame), image.extent, self.rules)
        except BoxError as error:
            raise ToolError(str(error), kind=error.status) from None


def _kind_name(kind: str) -> str:
    """A kind of failure as one part of a metric's name; a failure never counts as `ok`."""
    name = "_".join(re.findall(r"[a-z0-9]+", str(kind).lower()))[:_LONGEST_KIND]
    return _REFUSED if name in ("", CallStatus.OK, CallStatus.NOT_RUN) else name


def numbers_of_text(value: object) -> object:
    """`"10"` → 10, `["1", "2"]` → [1, 2], `"[1, 2]"` → [1, 2]; anything else stays as it is.

    Numbers written as text are a common slip of models, and leave no doubt about what is meant.
    """
    if isinstance(value, str):
        value = json_of_text(value)
    if isinstance(value, list):
        return [json_of_text(item) if isinstance(item, str) else item for item in value]
    return value


def json_of_text(text: str) -> object:
    """What a text holds as JSON; the text itself where that is none."""
    try:
        return strict_json(text)
    except JsonMistakeError:
        return text


def _no_truth_value(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("Input should be a whole number")
    return value


ImageIndex = Annotated[int, BeforeValidator(_no_truth_value)]
"""The number of an image, 0 for the first: a whole number, also as `0.0` or `"0"`."""

ArgumentsT = TypeVar("ArgumentsT", bound=BaseModel)


class Tool(ABC, Generic[ArgumentsT]):
    """A tool that the model can call: a name, a pydantic model of its arguments, and `run`."""

    name: ClassVar[str]
    description: ClassVar[str]
    arguments: type[ArgumentsT]

    @abstractmethod
    def run(self, arguments: ArgumentsT, context: ToolContext) -> ToolResult:
        """Do the work; runs in a thread. Raise `ToolError` for the model's mistakes."""

    def read_arguments(self, written: Mapping[str, Any]) -> ArgumentsT:
        """The model's arguments, typed. Raises `ToolError` that says what is wrong with them.

        What the types refuse is read once more: null as not given, and text as the JSON it holds.
        """
        try:
            return self.arguments.model_validate(written)
        except ValidationError as error:
            refused = {problem["loc"][0] for problem in error.errors() if problem["loc"]}
            mended = _mended(written, refused)
            if mended == written:
                raise self._bad_arguments(error) from None
        try:
            return self.arguments.model_validate(mended)
        except ValidationError as error:
            raise self._bad_arguments(error) from None

    def example_call(self) -> str:
        """A right call of this tool, as JSON: what it has to be given, with examples of values."""
        return json.dumps({"name": self.name, "arguments": self.example_arguments()}, default=str)

    def example_arguments(self) -> dict[str, Any]:
        """What a right call has to give, with examples of values."""
        try:
            schema = self.arguments.model_json_schema()
            required = schema.get("required", [])
            given = {name: _example(name, schema["properties"][name], schema) for name in required}
            json.dumps(given, default=str)
        except Exception:  # types of a user's own that no JSON schema describes
            given = dict.fromkeys(self._names(required_only=True), "...")
        return given

    def _names(self, required_only: bool = False) -> list[str]:
        """The arguments' names as a call writes them."""
        return [
            _written_name(name, field.validation_alias or field.alias)
            for name, field in self.arguments.model_fields.items()
            if field.is_required() or not required_only
        ]

    def _bad_arguments(self, error: ValidationError) -> ToolError:
        """What is wrong with the arguments, in words of ours: names and rules, no values."""
        problems = error.errors(include_input=False, include_url=False)
        names = self._names()
        # A name that is unknown is rather the cause of one that is missing than the other way.
        problem = next((p for p in problems if p["type"] != "extra_forbidden"), problems[0])
        name = str(problem["loc"][0]) if problem["loc"] else ""
        allowed = f"The tool's arguments are: {', '.join(names)}."
        if problem["type"] == "extra_forbidden":
            message = f"An argument has a name that the tool does not know. {allowed}"
        elif problem["type"] == "missing" and len(problem["loc"]) == 1:
            message = f"The argument {name} is missing. {allowed}"
        elif problem["type"].startswith("union_tag"):  # its text repeats the model's
            message = f"The argument {name} is none of the kinds that the tool knows."
        else:
            reason = problem["msg"].removeprefix("Value error, ")
            message = f"The argument {name if name in names else ''} is not right: {reason}."
        return ToolError(" ".join(message.split()), kind=CallStatus.BAD_ARGUMENTS)

    def schema(self) -> dict[str, Any]:
        """The JSON schema that a prompt shows (OpenAI's function format)."""
        parameters = self.arguments.model_json_schema()
        # The docstring of the class speaks to whoever reads the code.
        parameters.pop("description", None)
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": parameters,
            },
        }


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of one `env_name`."""

    name: str
    tools: Mapping[str, Tool[Any]]

    def form(self, name: str | None = None, dialect: Dialect = Dialect.HERMES) -> str:
        """How to write a call of tool `name`, or of the first one where there is no such tool."""
        tool = self.tools.get(name or "") or next(iter(self.tools.values()), None)
        if tool is None:
            return ""
        written = READERS[dialect].write(tool.name, tool.example_arguments())
        return f"A call is written {written}"

    def typed(self, call: ToolCall) -> ToolCall:
        """The call with arguments of the types that its tool's schema names."""
        tool = self.tools.get(call.name)
        if tool is None or not call.are_texts:
            return call
        return ToolCall(call.name, typed_arguments(tool.arguments, call.arguments))


_EXAMPLES: Mapping[str, object] = {"bbox_2d": [10, 20, 100, 200], "img_idx": 0}
"""What the published prompt shows; other arguments get an example of their type."""
_BY_TYPE: Mapping[str, object] = {
    "integer": 1,
    "number": 1.5,
    "string": "...",
    "boolean": True,
    "array": [],
    "object": {},
}


def _example(name: str, schema: Mapping[str, Any], root: Mapping[str, Any]) -> object:
    """A value for an argument, from its JSON schema: the user's own example first."""
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    for key in ("examples", "enum", "anyOf", "oneOf"):
        if schema.get(key):
            first = schema[key][0]
            return _example("", first, root) if key.endswith("Of") else first
    if "const" in schema:
        return schema["const"]
    return schema.get("minimum", _BY_TYPE.get(schema.get("type", ""), "..."))


def _mended(written: Mapping[str, Any], refused: set[int | str]) -> dict[str, Any]:
    """The arguments without refused nulls, and with refused texts as the JSON they hold."""
    mended: dict[str, Any] = {}
    for name, value in written.items():
        if name not in refused:
            mended[name] = value
        elif value is not None:
            mended[name] = numbers_of_text(value)
    return mended


def _written_name(name: str, alias: str | AliasPath | AliasChoices | None) -> str:
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    return alias if isinstance(alias, str) else name

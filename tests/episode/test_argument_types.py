"""Arguments of an untyped form, typed by the tool's own schema."""

from __future__ import annotations

from enum import Enum
from io import StringIO
from typing import Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from swift_deepeyes.episode.argument_types import typed_arguments
from swift_deepeyes.tools.rotate import RotateArguments
from swift_deepeyes.tools.zoom import ZoomArguments


class Side(Enum):
    LEFT = "left"
    FIRST = 1


class Point(BaseModel):
    x: int


class Arguments(BaseModel):
    word: str = ""
    maybe: str | None = None
    count: int = 5
    limit: int | None = 5
    scale: float = 1.0
    flag: bool = False
    either: int | str = 0
    names: list[str] = []
    points: list[Point] = []
    table: dict[str, int] = {}
    point: Point | None = None
    mode: Literal["fast", "slow"] = "fast"
    number: Literal[1, 2] = 1
    side: Side = Side.LEFT
    anything: Any = None
    other: int = Field(default=0, validation_alias=AliasChoices("other_2d", "other"))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("word", "02134", "02134"),
        ("word", "true", "true"),
        ("word", "null", "null"),
        ("word", "", ""),
        ("word", "  two  ", "  two  "),
        ("word", '{"a": 1}', '{"a": 1}'),
        ("maybe", "null", None),
        ("maybe", "", ""),
        ("maybe", "5", "5"),
        ("count", "3", 3),
        ("count", " 3\n", 3),
        ("count", "3.0", 3.0),
        ("count", "03", "03"),
        ("count", "many", "many"),
        ("count", "9" * 400, "9" * 400),
        ("limit", "None", None),
        ("scale", "2", 2),
        ("scale", "1e-3", 0.001),
        ("scale", "NaN", "NaN"),
        ("flag", "True", True),
        ("flag", "false", False),
        ("flag", "1", "1"),
        ("either", "3", 3),
        ("either", "three", "three"),
        ("names", '["1", "2"]', ["1", "2"]),
        ("names", "['1']", "['1']"),
        ("points", '[{"x": 1}]', [{"x": 1}]),
        ("table", '{"a": 1}', {"a": 1}),
        ("point", '{"x": 2}', {"x": 2}),
        ("point", "null", None),
        ("mode", "slow", "slow"),
        ("number", "2", 2),
        ("side", "left", "left"),
        ("side", "1", 1),
        ("anything", "[1]", "[1]"),
        ("other", "4", 4),
        ("other_2d", "4", 4),
        ("unknown", "4", "4"),
    ],
)
def test_the_schema_decides(name: str, text: str, value: object) -> None:
    (typed,) = typed_arguments(Arguments, {name: text}).items()
    assert typed == (name, value) and type(typed[1]) is type(value)


@pytest.mark.parametrize("text", ["", " \n", "null", "None", "NULL"])
def test_nothing_where_the_schema_wants_something_is_not_given(text: str) -> None:
    for name in ("count", "scale", "flag", "names", "table", "number"):
        assert typed_arguments(Arguments, {name: text}) == {}


def test_what_is_typed_is_what_the_tools_read() -> None:
    typed = typed_arguments(Arguments, {"count": "3", "flag": "True", "names": '["1"]'})
    read = Arguments.model_validate(typed)
    assert (read.count, read.flag, read.names) == (3, True, ["1"])
    zoom = {"bbox": "[1, 2, 3, 4]", "label": "7", "img_idx": "0"}
    assert typed_arguments(ZoomArguments, zoom) == {
        "bbox": [1, 2, 3, 4], "label": "7", "img_idx": 0,
    }  # fmt: skip
    assert typed_arguments(RotateArguments, {"angle": "-90"}) == {"angle": -90}


class Strange(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    what: StringIO
    more: int = 1


def test_types_without_a_schema_stay_texts() -> None:
    assert typed_arguments(Strange, {"what": "3", "more": "2"}) == {"what": "3", "more": "2"}

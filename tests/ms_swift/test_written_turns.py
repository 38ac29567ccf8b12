"""The table of turns as models write them: each row becomes what it says, under each driver."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from swift_deepeyes.demo.families import FAMILIES, family_template
from swift_deepeyes.ms_swift.register import register_all
from tests.ms_swift.drivers import ROWS_HAVE_OPTIONS, run_colocate, run_server
from tests.ms_swift.written_turns import TURNS, WrittenTurn, play

pytestmark = pytest.mark.skipif(
    not ROWS_HAVE_OPTIONS, reason="before 4.3 a template is told when it is made"
)
ROWS = [turn for turn in TURNS if turn.family in FAMILIES]


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    register_all()


@cache
def template_of(family: str) -> Any:
    return family_template(family)


@pytest.mark.parametrize("drive", [run_server, run_colocate])
@pytest.mark.parametrize("turn", ROWS, ids=[turn.what.replace(" ", "_") for turn in ROWS])
def test_what_became_of_it(turn: WrittenTurn, drive: Any) -> None:
    outcome = play(turn, template_of(turn.family), drive)
    assert (outcome.became, outcome.errors) == (turn.became, turn.errors)
    assert turn.told in outcome.told


def test_there_are_forty() -> None:
    assert len(TURNS) == len({turn.what for turn in TURNS}) == 40
    assert {turn.thinks for turn in TURNS} == {True, False}

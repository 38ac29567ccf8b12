from __future__ import annotations

from pathlib import Path

from swift_deepeyes.evaluation.names import ToolMode
from swift_deepeyes.evaluation.prompts import (
    messages_with_tool,
    messages_without_tool,
    shown_question,
)
from swift_deepeyes.evaluation.question import Question, option_question
from swift_deepeyes.evaluation.reporting.chance import guess
from swift_deepeyes.evaluation.trial import (
    Trial,
    option_order,
    plan_trials,
    rotate,
    rotation_count,
)
from swift_deepeyes.tools.prompt import tool_system_prompt


def ask(*options: str, id: str = "q", right: int = 0) -> Question:
    return option_question(
        id=id, images=(Path("x.png"),), text="What?", options=[*options], right=right, category="c"
    )


def test_order_hangs_on_seed_and_id() -> None:
    options = ("w", "x", "y", "z")
    orders = {option_order(ask(*options, id=str(number)), 3) for number in range(100)}
    assert len(orders) > 15
    assert option_order(ask(*options), 3) == option_order(ask(*options), 3)
    assert option_order(ask(*options), None) == (0, 1, 2, 3)


def test_rotations_put_the_right_option_everywhere_once() -> None:
    question = ask("w", "x", "y", "z", right=2)
    base = option_order(question, 0)
    places = [rotate(base, question, number).index(2) for number in range(4)]
    assert sorted(places) == [0, 1, 2, 3]


def test_all_of_the_above_stays_last() -> None:
    question = ask("w", "x", "y", "All the above answers are wrong.", right=3)
    assert rotation_count(question) == 3
    for number in range(50):
        base = option_order(ask(*question.options, id=str(number), right=3), 0)
        assert base[3] == 3
        assert rotate(base, question, 1)[3] == 3


def test_options_that_name_letters_are_not_moved() -> None:
    question = ask("cats", "dogs", "both A and B", right=2)
    assert option_order(question, 7) == (0, 1, 2)
    assert rotation_count(question) == 1


def test_plan_and_reference() -> None:
    question = ask("w", "x", "y", "z", right=1)
    trials = list(
        plan_trials([question], tools=tuple(ToolMode), all_rotations=True, samples=2, seed=0)
    )
    assert len(trials) == 4 * 2 * 2
    assert len({trial.id for trial in trials}) == 16
    for trial in trials:
        shown = shown_question(question, trial.order)
        assert f"{trial.reference}. x\n" in shown
    assert len({trial.seed(0, turn) for trial in trials for turn in range(3)}) == 48


def test_prompts_with_and_without_tool() -> None:
    question = ask("w", "<image>", right=0)
    system, user = messages_with_tool(question, (1, 0), tool_system_prompt())
    assert "image_zoom_in_tool" in system.text
    assert user.text.count("<image>") == 1
    assert user.text.startswith("<image>\nWhat?\nA. image\nB. w\n")
    assert "<tool_call>" in user.text
    plain = messages_without_tool(question, (0, 1))
    assert not any("tool" in message.text for message in plain)


def test_guessers() -> None:
    questions = [ask("w", "x", id="1"), ask("w", "x", "y", "z", id="2", right=3)]
    trials = [
        Trial(question=q, tool=ToolMode.ON, order=tuple(range(len(q.options)))) for q in questions
    ]
    found = guess(trials)
    assert (found.first_option, found.favourite, found.random) == (0.5, 0.5, 0.375)
    polar = Question(id="3", images=(), text="?", reference="no", category="c")
    found = guess([Trial(question=polar, tool=ToolMode.ON)])
    assert (found.first_option, found.favourite_answer, found.random) == (0, "no", 0.5)
    unknown = Question(id="4", images=(), text="?", reference="A dog.", category="c")
    assert guess([Trial(question=unknown, tool=ToolMode.ON)]).random is None

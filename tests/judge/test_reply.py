"""From reply to outcome."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swift_deepeyes.judge.reply import read_official_reply, read_reply
from swift_deepeyes.scoring.verdict import Outcome, QuestionKind
from tests.judge.judging import ask

R, W, U = Outcome.RIGHT, Outcome.WRONG, Outcome.UNREADABLE
QUESTION = ask("some answer")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("1", R),
        ("0", W),
        ("TRUE", R),
        ("false", W),
        ("Correct", R),
        ("INCORRECT.", W),
        (" **1** \n", R),
        ("`0`", W),
        ("Judgement: 1", R),
        ("Judgement: 0", W),
        ("**Judgement:** TRUE", R),
        ("Judgement: [0]", W),
        ("The judgment: CORRECT", R),
        ("Both say red.\n1", R),
        ("They differ.\n\n0", W),
        ("Judgement: 1\nWait.\nJudgement: 0", U),  # two verdicts: asked again
        ("First I thought Judgement: 0. Judgement: 1", R),
        ("The answer is not correct", W),
        ("The answer isn't correct.", W),
        ("Judgement: not correct", W),
        ("It is correct in part but, all in all, INCORRECT", U),  # prose
        ("The given answer says blue, but the correct colour is red", U),
        ('{"verdict": false, "reason": "correct in part"}', W),
        ("neither true nor correct", U),
        ("1 because both say red", R),
        ("**Judgement**: 1\n\nThe colours agree.", R),
        ("**Judgement**: 1, the colours agree.", R),
        ("正确", R),
        ("错误", W),
        ("\uff11", R),
        ("1.0", R),
        ("<answer>1</answer>", R),
        ("To determine whether the answer is correct, I", U),
        ("1. The reference says red.\n2. The answer says blue.", U),
        ("analysisIt is correct, so 1", U),
        (
            "<|channel|>analysis<|message|>Correct?<|end|><|start|>assistant<|channel|>final<|message|>0",
            W,
        ),
        # The same in other words: what was found by reading the reader as an attacker would.
        ("The answer contains its own judgement: 1.", U),
        ("The answer says Judgement: 1.", U),
        ("### Evaluation\n1. Reference: red", U),
        ("Evaluation: 1. The reference says red.", U),
        ("1, 2 and 3 are red", U),
        ("No. 1", U),
        ("Score (0-1): 1", R),
        ("Score (1-5): 1", U),
        ("Score (1-10): 1", U),
        ("1 (one) umbrella is red.", U),
        ("Reference answer: 2\nFinal answer: 1", U),
        ("Options:\n0\n1", U),
        ('0 \u2014 the answer says "</think> 1"', U),
        ("\u274c Correct", U),
        ("so the verdict is 1", R),
        ("0 - it says blue", W),
        ("1 (the same colour)", R),
        ("1\n\nBoth say red.", R),
        ("0. The colours differ.", W),
        ("1. It names the colour. 2. But the wrong one: 0", U),
        ("<think>1 1 1</think>0", W),
        ("<think>\nJudgement: 0?\n</think>\n\nJudgement: 1", R),
        ("It thinks aloud </think> 1", R),
        # Unreadable: nothing, too much, or something else that looks like it.
        ("", U),
        ("   ", U),
        ("10", U),
        ("0.5", U),
        ("1/2", U),
        ("-1", U),
        ("100%", U),
        ("The answer has 1 umbrella and the reference has 0 umbrellas", U),
        ("1 or 0", U),
        ("Judgement: 1 or 0", U),
        ("Judgement: 0. There is 1 umbrella", U),
        ("Reply with TRUE or FALSE", U),
        ("Judgement: not incorrect", U),
        ("<think>1", U),
        ("<think>so it is 1</think><think>but", U),
        ("I cannot decide.", U),
        ("is_correct", U),
        ("uncorrected", U),
        ("<html><body><h1>It works!</h1></body></html>", U),
    ],
)
def test_reading(reply: str, outcome: Outcome) -> None:
    assert read_reply(reply, QUESTION) is outcome


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("1", R),
        (" 1\n", R),
        ("Judgement: 1", R),
        ("text Judgement: 0 text Judgement: 1", R),
        ("Judgement: 1.", R),
        ("Judgement: **1**", R),
        ("0", W),
        ("TRUE", W),
        ("", W),
        ("Judgement: 1 because it fits", R),
        ("Judgement: 0, not 1", R),
        ("1.", W),
        ("<think>x</think>1", W),
        ("<think>x</think>Judgement: 1", R),
    ],
)
def test_the_official_reading_of_visual_replies(reply: str, outcome: Outcome) -> None:
    assert read_official_reply(reply, QUESTION) is outcome


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("TRUE", R),
        ("FALSE", W),
        ("Judgement: TRUE", R),
        ("hm", W),
        ("", W),
        ("## Equivalence Judgement\nTRUE", R),
        ("Is it FALSE?\n## Equivalence Judgement\nTRUE", R),
        ("## Equivalence Judgement\nTRUE\n## Justification\nnot false", W),
        ("It is untrue", R),
        ("correct", W),
        ("1", W),
    ],
)
def test_the_official_reading_of_math_replies(reply: str, outcome: Outcome) -> None:
    assert read_official_reply(reply, ask("x", kind=QuestionKind.MATH)) is outcome


DATA = Path(__file__).parent / "unseen_replies.jsonl"


def test_replies_that_were_labelled_before_the_reader_was_written() -> None:
    """371 replies of judges of many kinds; `allowed` are the outcomes that are no mistake.

    The first run of the reader gave 0 inverted ones, 1 wrong for an unreadable one and 9 clear ones
    not read.
    """
    cases = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
    assert len(cases) == 371
    mistakes = []
    for case in cases:
        question = ask("some answer given", kind=QuestionKind(case["kind"]))
        outcome = read_reply(case["reply"], question)
        if outcome not in case["allowed"]:
            mistakes.append((case["reply"], outcome))
    assert mistakes == []


@given(st.text(max_size=400), st.text(max_size=200))
@settings(deadline=None)
def test_reading_never_raises(reply: str, answer: str) -> None:
    assert read_reply(reply, ask(answer)) in Outcome
    assert read_official_reply(reply, ask(answer)) in (R, W)


@given(st.text(max_size=300))
@settings(deadline=None)
def test_a_plain_verdict_is_read_whatever_the_answer(answer: str) -> None:
    assert read_reply("0", ask(answer)) is W
    assert read_reply("1", ask(answer)) is R

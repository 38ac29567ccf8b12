"""What the judge is shown: one reference as ever, several as alternatives."""

from __future__ import annotations

from hashlib import blake2b

from swift_deepeyes.judge.cache import VerdictCache
from swift_deepeyes.judge.request import build_prompt
from swift_deepeyes.scoring.verdict import Decider, Outcome, QuestionKind, Verdict
from tests.judge.judging import ask

# Of the prompts that were sent before there were alternatives.
DIGESTS = {QuestionKind.OPEN: "4e8a0078511c3e6c", QuestionKind.MATH: "30ec628937f9c0ef"}


def test_a_single_reference_gives_the_same_prompt_as_ever() -> None:
    for kind, digest in DIGESTS.items():
        prompt = build_prompt(ask("It is crimson.", kind=kind))
        assert blake2b(prompt.encode(), digest_size=8).hexdigest() == digest


def test_several_references_are_listed_as_alternatives() -> None:
    question = ask("maroon", reference="red").model_copy(
        update={"alternatives": ("dark red", "red", "<|im_end|>wine")}
    )
    prompt = build_prompt(question)
    assert (
        "Reference answer: any one of these is correct, and saying one of them is enough:\n"
        "red\ndark red\n\u2039|im_end|\u203awine\n"
    ) in prompt
    assert "<|im_end|>" not in prompt


def test_alternatives_that_say_the_same_are_one_reference() -> None:
    question = ask("maroon", reference="red")
    same = question.model_copy(update={"alternatives": ("red", " red ")})
    lines = build_prompt(same).splitlines()
    assert "Reference answer: red" in lines


def test_the_cache_tells_alternatives_apart() -> None:
    cache = VerdictCache(10)
    question = ask("maroon", reference="red")
    cache.put("m", question, Verdict(outcome=Outcome.WRONG, decided_by=Decider.SERVER))
    other = question.model_copy(update={"alternatives": ("dark red",)})
    assert cache.get("m", question) is not None
    assert cache.get("m", other) is None

"""Who decides: shortcuts, cache, sharing, second questions, fallbacks, and the official way."""

from __future__ import annotations

import asyncio

import pytest

from swift_deepeyes.judge import make_judge
from swift_deepeyes.judge.cache import VerdictCache
from swift_deepeyes.judge.rules import maths
from swift_deepeyes.scoring.verdict import Decider, Outcome, QuestionKind, Verdict
from swift_deepeyes.settings import JudgeKind, ScoringMode, Settings
from tests.judge.chat_server import ChatServer, Fault
from tests.judge.judging import ask, judge_all, make, samples, truth

MATH = QuestionKind.MATH


def deciders(verdicts: list[Verdict]) -> list[Decider]:
    return [verdict.decided_by for verdict in verdicts]


def test_what_needs_no_judge_asks_none(server: ChatServer) -> None:
    questions = [
        ask(""),
        ask("  \n"),
        ask("x" * 1000),
        ask("the umbrella is RED"),
        ask("(B)", reference="B"),
        ask("C", reference="B"),
        ask(r"\boxed{\frac{2}{4}}", reference="0.5", kind=MATH),
        ask("12", reference="13", kind=MATH),
    ]
    judge = make(server.url)
    verdicts = judge_all(judge, questions)
    right, wrong = Outcome.RIGHT, Outcome.WRONG
    expected = [wrong, wrong, wrong, right, right, wrong, right, wrong]
    assert [verdict.outcome for verdict in verdicts] == expected
    assert set(deciders(verdicts)) == {Decider.RULE}
    assert judge.stats.by_rule == len(questions)
    assert server.log.requests == [] and server.log.model_lists == 0


def test_identical_questions_are_asked_once_and_kept_for_later(server: ChatServer) -> None:
    server.script.reply = truth
    judge = make(server.url)
    batch = samples(10) * 6
    first = judge_all(judge, batch)
    assert len(server.log.requests) == 10
    assert first == judge_all(make(server.url), samples(10)) * 6
    stats = judge.stats
    assert (stats.questions, stats.asked, stats.shared, stats.cached) == (60, 10, 50, 0)
    second = judge_all(judge, batch)
    assert len(server.log.requests) == 20  # 10 were the other judge's
    assert [v.outcome for v in second] == [v.outcome for v in first]
    assert set(deciders(second)) == {Decider.CACHE}
    assert (judge.stats.asked, judge.stats.cached) == (0, 10)


def test_the_cache_is_off_by_setting_and_bounded(server: ChatServer) -> None:
    off = make(server.url, cache=0)
    for _ in range(2):
        judge_all(off, samples(4))
    assert len(server.log.requests) == 8
    small = make(server.url, cache=3)
    judge_all(small, samples(20))
    assert len(small._cache) == 3


def test_the_cache_knows_model_and_prompt_and_refuses_fallbacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache = VerdictCache(10)
    question = ask("crimson")
    verdict = Verdict(outcome=Outcome.RIGHT, decided_by=Decider.SERVER, reply="1")
    cache.put("a", question, verdict)
    assert cache.get("a", question) is not None
    assert cache.get("b", question) is None
    assert cache.get("a", ask("crimson", kind=MATH)) is None
    monkeypatch.setattr("swift_deepeyes.judge.cache.PROMPT_VERSION", "another")
    assert cache.get("a", question) is None
    fallback = verdict.model_copy(update={"decided_by": Decider.RULE_AFTER_FAILURE})
    cache.put("a", ask("other"), fallback)
    assert cache.get("a", ask("other")) is None


def test_the_oldest_use_leaves_the_cache_first() -> None:
    cache = VerdictCache(2)
    verdict = Verdict(outcome=Outcome.RIGHT, decided_by=Decider.SERVER)
    cache.put("m", ask("a"), verdict)
    cache.put("m", ask("b"), verdict)
    cache.get("m", ask("a"))
    cache.put("m", ask("c"), verdict)
    kept = [name for name in "abc" if cache.get("m", ask(name))]
    assert kept == ["a", "c"]


def test_an_unreadable_reply_is_asked_again_with_other_seeds(server: ChatServer) -> None:
    server.script.reply = lambda request: "hm" if request["seed"] < 2 else "1"
    judge = make(server.url)
    verdict = judge_all(judge, [ask("crimson")])[0]
    assert (verdict.outcome, verdict.decided_by) == (Outcome.RIGHT, Decider.SERVER)
    assert [request["seed"] for request in server.log.requests] == [0, 1, 2]
    assert [request["temperature"] > 0 for request in server.log.requests] == [False, True, True]
    assert (judge.stats.unreadable, judge.stats.retries, judge.stats.failed) == (2, 2, 0)


def test_unreadable_to_the_end_is_decided_by_rule(server: ChatServer) -> None:
    server.script.reply = lambda request: "hm"
    judge = make(server.url)
    verdicts = judge_all(judge, [ask("It's red."), ask("It's blue.")])
    assert deciders(verdicts) == [Decider.RULE_AFTER_UNREADABLE] * 2
    assert [verdict.is_right for verdict in verdicts] == [True, False]
    assert verdicts[0].reply == "hm"
    assert judge.stats.fallback == 2
    judge_all(judge, [ask("It's red.")])
    assert judge.stats.cached == 0  # a fallback is asked again


def test_official_asks_the_judge_for_every_visual_sample(server: ChatServer) -> None:
    questions = [ask("The umbrella is red."), ask(""), ask("The umbrella is red."), ask("x" * 2000)]
    judge = make(server.url, scoring=ScoringMode.OFFICIAL)
    for _ in range(2):
        verdicts = judge_all(judge, questions)
        assert set(deciders(verdicts)) == {Decider.SERVER}
    assert len(server.log.requests) == 8
    assert judge.stats.shared == judge.stats.cached == judge.stats.by_rule == 0


def test_official_counts_the_unreadable_as_wrong_and_asks_once(server: ChatServer) -> None:
    server.script.reply = lambda request: "TRUE"
    judge = make(server.url, scoring=ScoringMode.OFFICIAL)
    verdict = judge_all(judge, [ask("The umbrella is red.")])[0]
    assert (verdict.outcome, verdict.decided_by) == (Outcome.WRONG, Decider.SERVER)
    assert len(server.log.requests) == 1


def test_official_math_is_verified_first_and_then_asked(server: ChatServer) -> None:
    server.script.reply = lambda request: "TRUE"
    judge = make(server.url, scoring=ScoringMode.OFFICIAL)
    verdicts = judge_all(
        judge,
        [ask("0.5", reference=r"\frac{1}{2}", kind=MATH), ask("13", reference="12", kind=MATH)],
    )
    assert deciders(verdicts) == [Decider.RULE, Decider.SERVER]
    assert [verdict.is_right for verdict in verdicts] == [True, True]


def test_official_retries_failures_which_are_no_replies(server: ChatServer) -> None:
    faults = iter([Fault.ERROR_500, Fault.RESET])
    server.script.fault = lambda request: next(faults, Fault.NONE)
    judge = make(server.url, scoring=ScoringMode.OFFICIAL)
    assert judge_all(judge, [ask("crimson")])[0].decided_by is Decider.SERVER


def test_the_rule_judge_needs_no_server() -> None:
    judge = make_judge(Settings(judge=JudgeKind.RULE))
    verdicts = asyncio.run(judge.verdicts([ask("It's red."), ask("blue"), ask("It's red.")]))
    assert [verdict.is_right for verdict in verdicts] == [True, False, True]
    assert set(deciders(verdicts)) == {Decider.RULE}
    assert judge.stats.by_rule == 3


def test_the_settings_choose_the_judge_and_touch_no_network() -> None:
    judge = make_judge(Settings(judge_base_url=("http://127.0.0.1:9/v1",)))
    assert judge.stats.questions == 0
    assert asyncio.run(judge.verdicts([])) == []


def test_figures_of_a_batch(server: ChatServer) -> None:
    server.script.latency = 0.02
    judge = make(server.url)
    judge_all(judge, samples(20))
    stats = judge.stats
    assert stats.prompt_tokens == 20 * 500 and stats.completion_tokens == 20
    assert 0.02 <= stats.latency_median <= stats.latency_p95 < 1
    assert stats.as_metrics()["asked"] == 20.0
    assert all(isinstance(value, float) for value in stats.as_metrics().values())
    judge_all(judge, samples(20))
    assert judge.stats.asked == 0 and judge.totals.asked == 20
    assert judge.totals.latency_median == stats.latency_median


def test_judging_works_off_the_main_thread(server: ChatServer) -> None:
    import threading

    maths._equal.cache_clear()
    results: list[list[Verdict]] = []
    judge = make(server.url)
    question = ask(r"\sqrt{12}", reference=r"2\sqrt{3}", kind=MATH)
    thread = threading.Thread(target=lambda: results.append(judge_all(judge, [question])))
    thread.start()
    thread.join(30)
    assert results[0][0].is_right

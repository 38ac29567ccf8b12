"""Thoughts: one extraction for the engine and for scoring, whatever the tags look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_deepeyes.episode.dialects.registry import Dialects, dialects_of
from swift_deepeyes.episode.parsing import ToolCall, parse_turn
from swift_deepeyes.episode.thoughts import split_thoughts
from swift_deepeyes.scoring.answers import find_answers
from swift_deepeyes.scoring.scheme import ScoringScheme
from swift_deepeyes.scoring.strict import extract_strictly
from swift_deepeyes.scoring.transcript import Exchange, Transcript

CALL = '<tool_call>{"name": "zoom", "arguments": {"bbox_2d": [1, 2, 3, 4]}}</tool_call>'
DRAFT = '<tool_call>{"name": "draft", "arguments": {}}</tool_call>'
ANSWER = "<answer>red</answer>"


def quoting(label: str) -> str:
    return f'<tool_call>{{"name": "zoom", "arguments": {{"label": "{label}"}}}}</tool_call>'


def quoting_in_tags(label: str) -> str:
    """The same call as Qwen3.5 writes it."""
    return (
        "<tool_call>\n<function=zoom>\n<parameter=label>\n"
        f"{label}\n</parameter>\n</function>\n</tool_call>"
    )


def asked(text: str, dialects: Dialects = Dialects()) -> tuple[bool, list[str]]:  # noqa: B008
    """What the engine reads: an answer, and the names of well-formed calls ("" for others)."""
    turn = parse_turn(text, dialects)
    return turn.has_answer, [c.name if isinstance(c, ToolCall) else "" for c in turn.calls]


def errors(text: str, opens: bool | None = None) -> set[str]:
    transcript = Transcript(exchanges=(Exchange(text=text),), prompt_opens_thought=opens)
    return set(extract_strictly(transcript, ScoringScheme.VISUAL, "red").errors)


@pytest.mark.parametrize(
    ("text", "has_answer", "calls"),
    [
        # The prompt opened the thought.
        (f"maybe {ANSWER} or {DRAFT}</think>{CALL}", False, ["zoom"]),
        (f"maybe {DRAFT}</think>{ANSWER}", True, []),
        (f"maybe {ANSWER}</think> I am done", False, []),
        (f"maybe\n{ANSWER}\n</think>\n\n{ANSWER}", True, []),
        (f"</think>{CALL}", False, ["zoom"]),
        (f"a</think> b {ANSWER}</think> c", False, []),  # closed twice: all before is thought
        (f"a</think><think>b {DRAFT}</think>{CALL}", False, ["zoom"]),
        (f"<think>a <think>b {DRAFT}</think>{CALL}", False, ["zoom"]),  # nested, closed once
        (f"<think>a <think>b</think> {DRAFT}</think>{CALL}", False, ["zoom"]),
        # Other spellings are thoughts too.
        (f"<Think>{ANSWER}</THINK>{CALL}", False, ["zoom"]),
        (f"< think >{ANSWER}</ think >{CALL}", False, ["zoom"]),
        (f"<think\n>{DRAFT}</think\n>{ANSWER}", True, []),
        (f"{ANSWER}</Think>", False, []),
        # A thought that is never closed hides nothing.
        (f"<think>so {CALL}", False, ["zoom"]),
        (f"a</think><think>{ANSWER}", True, []),
        # Tags that a call quotes are its text.
        (f"<think>a</think>{quoting('</think>')}", False, ["zoom"]),
        (f"<think>a</think>{quoting('<think>')}{quoting('</think>')}", False, ["zoom", "zoom"]),
        (f"{quoting('<think>x</think>')}", False, ["zoom"]),
        (f"<think>a</think>{quoting('<answer>x</answer>')}", False, ["zoom"]),
        (f"<think>{quoting('</think>')} {ANSWER}</think>{CALL}", False, ["zoom"]),
        # Broken drafts quote nothing: the thought's end is seen.
        (f'I write <tool_call>{{"name": </think>{CALL}', False, ["zoom"]),
        (f"<think><tool_call></think>{ANSWER}", True, []),
        # A thought between two halves does not make a tag of them.
        ("<ans<think>x</think>wer>red</answer>", False, []),
        ("<tool_<think>x</think>call>{}</tool_call>", False, []),
    ],
)
def test_drafts_in_thoughts_neither_answer_nor_call(
    text: str, has_answer: bool, calls: list[str]
) -> None:
    assert asked(text) == (has_answer, calls)


@pytest.mark.parametrize(
    ("text", "has_answer", "calls"),
    [
        (f"<think>a</think>{quoting_in_tags('</think>')}", False, ["zoom"]),
        (
            f"a</think>{quoting_in_tags('<think>')}{quoting_in_tags('</think>')}",
            False,
            ["zoom"] * 2,
        ),
        (f"{quoting_in_tags('<think>x</think>')}", False, ["zoom"]),
        (f"a</think>{quoting_in_tags('<answer>x</answer>')}", False, ["zoom"]),
        (f"<think>{quoting_in_tags('</think>')} {ANSWER}</think>{CALL}", False, ["zoom"]),
        (f"{quoting_in_tags('draft')} {ANSWER}</think>{quoting_in_tags('ball')}", False, ["zoom"]),
        # Broken drafts quote nothing.
        (f"I write <tool_call><function=zoom> </think>{CALL}", False, ["zoom"]),
        (f"<think><tool_call><function=zoom><parameter=a></think>{ANSWER}", True, []),
        (f"I write <function=zoom> or {ANSWER}</think>{CALL}", False, ["zoom"]),
    ],
)
def test_calls_in_tags_quote_and_are_drafted_as_json_ones(
    text: str, has_answer: bool, calls: list[str]
) -> None:
    assert asked(text, dialects_of("qwen3_5", "")) == (has_answer, calls)


def test_the_arguments_of_a_call_that_quotes_tags_are_kept() -> None:
    (call,) = parse_turn(f"<think>a</think>{quoting('<think>b</think>')}").calls
    assert isinstance(call, ToolCall) and call.arguments == {"label": "<think>b</think>"}


@pytest.mark.parametrize(
    ("text", "opens", "is_balanced"),
    [
        (ANSWER, None, True),
        (ANSWER, False, True),
        (ANSWER, True, False),  # the prompt's thought is never closed
        (f"a</think>{ANSWER}", None, True),  # the prompt may have opened it
        (f"a</think>{ANSWER}", True, True),
        (f"a</think>{ANSWER}", False, False),
        (f"<think>a</think>{ANSWER}", None, True),
        (f"<think>a</think>{ANSWER}", True, True),  # the prompt's tag written once more
        (f"\n<think>a</think>{ANSWER}", True, True),
        (f"<think>\n<think>a</think>{ANSWER}", True, True),  # ms-swift's, and the model's
        (f"<think>\n<think>\n<think>a</think>{ANSWER}", True, False),
        (f"<think>\nb <think>a</think>{ANSWER}", True, False),
        (f"<think>\n<think>a{ANSWER}", True, False),
        (f"<think>\n</think><think>a</think>{ANSWER}", True, True),
        (f"<think>\n\n</think>\n\n{ANSWER}", False, True),  # the empty thought of a template
        (f"<think>\n\n</think>\n\na</think>{ANSWER}", False, False),
        (f"b <think>a</think>{ANSWER}", True, False),
        (f"a</think>b</think>{ANSWER}", None, False),
        (f"a</think>b</think>{ANSWER}", True, False),
        (f"a</think><think>b</think>{ANSWER}", None, True),
        (f"a</think><think>b{ANSWER}", None, False),
        (f"<think>a<think>b</think></think>{ANSWER}", None, False),
        (f"<think>a</think></think>{ANSWER}", None, False),
        (f"<Think>a</think>{ANSWER}", None, False),
        (f"a</ think>{ANSWER}", True, False),
        (f"<think>a</think>{quoting('</think>')}{ANSWER}", None, False),
    ],
)
def test_tags_pair_with_the_prompts_own(text: str, opens: bool | None, is_balanced: bool) -> None:
    assert split_thoughts(text, opens).is_balanced is is_balanced
    assert ("unbalanced_think" not in errors(text, opens)) is is_balanced


def test_what_was_said_does_not_hang_on_the_prompt() -> None:
    text = f"maybe {ANSWER}</think>{CALL}"
    assert len({split_thoughts(text, opens).said for opens in (None, True, False)}) == 1


PIECES = [
    "<think>", "</think>", "<Think>", "</ think>", "<answer>", "</answer>", ANSWER, CALL, DRAFT,
    "<tool_call>", "</tool_call>", quoting_in_tags("</think>"), quoting_in_tags("<answer>"),
    quoting("</think>"), quoting("<answer>"), quoting("<think>"),
    "{", "}", " ", "red", "\ud83d",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_engine_and_scoring_agree_on_what_is_an_answer(text: str) -> None:
    """Where the strict rules find an answer to judge, the engine has ended on one."""
    transcript = Transcript(exchanges=(Exchange(text=text),))
    extraction = extract_strictly(transcript, ScoringScheme.VISUAL, "red")
    thoughts = split_thoughts(text)
    assert parse_turn(text).has_answer is ("<answer>" in thoughts.unquoted)
    if extraction.answer is not None:
        assert parse_turn(text).has_answer
    if not parse_turn(text).has_answer:
        assert extraction.answer is None and not extraction.is_judged


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.sampled_from([ANSWER, CALL]))
def test_nothing_before_a_last_close_counts(draft: str, then: str) -> None:
    """Whatever stands before a `</think>` that closes the turn's own thought is a thought."""
    if "tool_call" in draft.rpartition(">")[2] or draft.count("<tool_call>") != draft.count(CALL):
        draft = draft.replace("tool_call", "call")
    thoughts = split_thoughts(draft.replace("<think>", "").replace("<Think>", "") + "</think>")
    assert find_answers(thoughts.unquoted).answers == ()
    text = draft.replace("<think>", "").replace("<Think>", "") + "</think>" + then
    assert asked(text) == ((True, []) if then == ANSWER else (False, ["zoom"]))


@pytest.mark.parametrize(
    "text",
    [
        "< " * 300_000, "<" + " " * 500_000, "<think" + " " * 500_000, quoting("<think>") * 5_000,
        "<tool_call><think>" * 60_000, "<tool_call>" * 100_000 + "</tool_call>",
        "</think>" * 100_000,
    ],
    ids=["spaces", "one_space", "tag", "quotes", "calls", "opened", "closed"],
)  # fmt: skip
@pytest.mark.timeout(10)
def test_long_junk_takes_linear_time(text: str) -> None:
    parse_turn(text + "x")

"""Rows as datasets and schedulers deliver them: columns of every shape, with and without record."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from swift_deepeyes.episode.messages import TURN_INSTRUCTION
from swift_deepeyes.episode.trajectory import StopReason, Trajectory, TurnRecord
from swift_deepeyes.scoring.row import COMPLETION, RowFault, ScoredRow, read_row
from swift_deepeyes.scoring.scheme import ScoringScheme

GOOD = "<think>I see.</think> <answer>red</answer>"
SYSTEM = {"role": "system", "content": "You have image_zoom_in_tool."}
USER = {"role": "user", "content": f"<image>\nWhich colour?{TURN_INSTRUCTION}"}
IDS = {"role": "assistant", "content": [151644, 77, 9]}
CROP = {"role": "user", "content": "<tool_response><image>\nGo on.</tool_response>"}
REFUSAL = {"role": "user", "content": "<tool_response>Too small.</tool_response>"}
LAST = {"role": "assistant", "content": GOOD}
PNG, FILE = "iVBORw0KGgo=", {"bytes": b"png", "path": None}


def row(**columns: object) -> ScoredRow:
    given = {
        COMPLETION: GOOD,
        "messages": [SYSTEM, USER, LAST],
        "images": [FILE],
        "data_source": "vstar",
        "reward_model": {"style": "model", "ground_truth": "red"},
        "extra_info": {"index": 5, "question": "Which colour?"},
    }
    return read_row(given | columns)


def record(**changes: Any) -> dict[str, object]:
    turns = (TurnRecord(text="<tool_call>", observation=CROP["content"]), TurnRecord(text=GOOD))
    content = Trajectory(turns=turns, source_images=1, crops=1, toolbox="visual_toolbox_v2")
    return {"deepeyes": content.model_copy(update=changes).model_dump(mode="json")}


def test_the_record_wins_over_messages_and_images() -> None:
    transcript = row(rollout_infos=record()).transcript
    assert transcript is not None
    assert transcript.texts == ("<tool_call>", GOOD)
    assert transcript.crops == 1
    assert transcript.exchanges[0].observation == CROP["content"]


def test_a_turn_cut_at_the_length_limit() -> None:
    for columns in (
        {"rollout_infos": record(stop_reason=StopReason.LENGTH)},
        {"finish_reason": "length"},
        {"is_truncated": True},
    ):
        transcript = row(**columns).transcript
        assert transcript is not None and transcript.is_truncated


@pytest.mark.parametrize(
    "infos", [None, {}, "junk", {"deepeyes": {"turns": 3}}, {"deepeyes": None}]
)
def test_without_a_readable_record_messages_are_read(infos: object) -> None:
    transcript = row(
        messages=[SYSTEM, USER, IDS, CROP, LAST], images=[PNG, PNG], rollout_infos=infos
    ).transcript
    assert transcript is not None
    assert [turn.text for turn in transcript.exchanges] == [None, GOOD]
    assert transcript.crops == 1


def test_a_content_of_parts() -> None:
    parts = [{"type": "text", "text": "<answer>"}, {"type": "text", "text": "blue</answer>"}]
    picture = [{"type": "image", "image": PNG}, {"type": "text", "text": "Go on."}]
    transcript = row(
        messages=[
            SYSTEM,
            {
                "role": "user",
                "content": [{"type": "image_url"}, {"type": "text", "text": "Colour?"}],
            },
            {"role": "assistant", "content": parts},
            {"role": "tool", "content": picture},
            LAST,
        ],
        images=[PNG, PNG],
    ).transcript
    assert transcript is not None
    assert transcript.texts == ("<answer>blue</answer>", GOOD)
    assert transcript.crops == 1


@pytest.mark.parametrize(
    ("messages", "images", "crops"),
    [
        ([USER, LAST], [FILE], 0),
        ([USER, IDS, CROP, LAST], [FILE, PNG], 1),
        ([USER, IDS, CROP, IDS, CROP, LAST], [PNG, PNG, PNG], 2),
        ([USER, IDS, REFUSAL, LAST], [FILE], 0),
        # The example plugin's error text echoes the model's tag: no image came with it.
        ([USER, IDS, CROP, LAST], [FILE], 0),
        # A prompt without a tag: ms-swift adds the tag later, and the image is still the prompt's.
        ([{"role": "user", "content": "Colour?"}, LAST], [FILE], 0),
        ([{"role": "user", "content": "Colour?"}, IDS, CROP, LAST], [PNG, PNG], 1),
        ([USER, {"role": "assistant", "content": "<image>"}, REFUSAL, LAST], [FILE], 0),
        ([USER, IDS, CROP, LAST], [FILE, None], 0),
        ([USER, IDS, CROP, LAST], None, 0),
        ([USER, LAST], FILE, 0),
    ],
)
def test_crops_without_a_record(messages: list[dict], images: object, crops: int) -> None:
    transcript = row(messages=messages, images=images).transcript
    assert transcript is not None
    assert transcript.crops == crops


@pytest.mark.parametrize(
    "columns",
    [
        {"messages": None},
        {"messages": [SYSTEM, USER]},
        {"messages": [SYSTEM, USER, {"role": "assistant", "content": [1, 2]}]},
        {"messages": "junk"},
    ],
)
def test_the_completion_is_the_last_turn_whatever_the_messages_say(columns: dict) -> None:
    transcript = row(**columns).transcript
    assert transcript is not None
    assert transcript.texts == (GOOD,)


def test_the_messages_last_text_stands_in_for_a_missing_completion() -> None:
    assert row(completion=None).transcript == row().transcript
    assert row(completion=None, messages=[USER, IDS]).fault is RowFault.MISSING_TEXT


@pytest.mark.parametrize(
    ("columns", "reference"),
    [
        ({}, "red"),
        ({"reward_model": json.dumps({"ground_truth": "green"})}, "green"),
        ({"reward_model": {"ground_truth": 5}}, "5"),
        ({"reward_model": {"ground_truth": " "}, "solution": "blue"}, "blue"),
        ({"reward_model": None, "solution": "blue", "extra_info": {"answer": "grey"}}, "blue"),
        ({"reward_model": None, "extra_info": json.dumps({"answer": "grey"})}, "grey"),
        ({"reward_model": "{not JSON", "extra_info": "[1]"}, ""),
        ({"reward_model": {"ground_truth": float("nan")}}, ""),
        ({"reward_model": {"ground_truth": ["red"]}}, "red"),
        ({"reward_model": {"ground_truth": np.float32("nan")}, "solution": "blue"}, "blue"),
        ({"reward_model": {"ground_truth": pd.NA}, "extra_info": {"answer": "grey"}}, "grey"),
        ({"reward_model": {"ground_truth": pd.NaT}}, ""),
        ({"reward_model": {"ground_truth": "nan"}}, "nan"),  # a word of somebody's
        ({"reward_model": {"ground_truth": np.int64(5)}}, "5"),
        ({"reward_model": {"ground_truth": Decimal("2.50")}}, "2.50"),
        ({"reward_model": {"ground_truth": True}}, "true"),
        ({"reward_model": {"ground_truth": {"a": 1}}}, ""),  # which of its words, nobody can say
        ({"reward_model": {"ground_truth": []}, "solution": float("nan")}, ""),
        ({"reward_model": {"ground_truth": 10**5000}}, ""),  # Python does not print it
        ({"reward_model": {"ground_truth": "9" * 5000}}, "9" * 5000),
    ],
)
def test_reference(columns: dict, reference: str) -> None:
    read = row(**columns)
    assert read.reference == reference
    assert read.fault is (None if reference else RowFault.MISSING_REFERENCE)


@pytest.mark.parametrize(
    ("columns", "references"),
    [
        ({"reward_model": {"ground_truth": ["red", "dark red"]}}, ("red", "dark red")),
        ({"reward_model": {"ground_truth": np.array(["red", "dark red"])}}, ("red", "dark red")),
        ({"reward_model": json.dumps({"ground_truth": ["red", "rot"]})}, ("red", "rot")),
        ({"reward_model": {"ground_truth": [" red ", None, "", "red", float("nan")]}}, ("red",)),
        ({"reward_model": {"ground_truth": [["red"], ["rot", 3]]}}, ("red", "rot", "3")),
        ({"reward_model": {"ground_truth": [None]}, "solution": ["a", "b"]}, ("a", "b")),
        ({"reward_model": None, "extra_info": {"answer": ("a", "b")}}, ("a", "b")),
        # A text is one reference, whatever it looks like.
        ({"reward_model": {"ground_truth": "[1, 2]"}}, ("[1, 2]",)),
        ({"reward_model": {"ground_truth": '["red", "rot"]'}}, ('["red", "rot"]',)),
        # The prepared form: text leaves, and further references under their own key.
        ({"reward_model": {"ground_truth": "a", "alternatives": '["b", "a"]'}}, ("a", "b")),
        ({"reward_model": {"ground_truth": "a", "alternatives": ["b"]}}, ("a", "b")),
        ({"reward_model": {"ground_truth": "a", "alternatives": ""}}, ("a",)),
        ({"reward_model": {"ground_truth": "a", "alternatives": "12"}}, ("a", "12")),
        ({"reward_model": {"ground_truth": None, "alternatives": '["b"]'}}, ("b",)),
    ],
)
def test_several_references(columns: dict, references: tuple[str, ...]) -> None:
    read = row(**columns)
    assert (read.reference, *read.alternatives) == references


@pytest.mark.parametrize(
    "extra",
    [
        {"question": "<image>\nWhich colour?"},
        {"question": f"Which colour?{TURN_INSTRUCTION}"},
        {"question": ""},
        {},
        None,
    ],
)
def test_the_question_is_bare(extra: object) -> None:
    assert row(extra_info=extra).question == "Which colour?"


@pytest.mark.parametrize(
    ("columns", "scheme", "is_known"),
    [
        ({}, ScoringScheme.VISUAL, True),
        ({"data_source": "chart", "env_name": None}, ScoringScheme.VISUAL, True),
        ({"data_source": "thinklite_eureka"}, ScoringScheme.MATH, True),
        ({"data_source": "thinklite_2"}, ScoringScheme.MATH, True),
        ({"data_source": "mine", "env_name": "visual_toolbox_v2"}, ScoringScheme.VISUAL, False),
        ({"data_source": "mine", "env_name": ""}, ScoringScheme.VISUAL, False),
        ({"data_source": None}, ScoringScheme.VISUAL, False),
        ({"data_source": "mine", "rollout_infos": record()}, ScoringScheme.VISUAL, False),
    ],
)
def test_the_rule_follows_the_source(columns: dict, scheme: ScoringScheme, is_known: bool) -> None:
    read = row(**columns)
    assert (read.scheme, read.is_known_source) == (scheme, is_known)


@pytest.mark.parametrize(
    ("columns", "scheme"),
    [
        ({}, ScoringScheme.MATH),
        ({"env_name": "visual_toolbox_v2"}, ScoringScheme.VISUAL),
        ({"rollout_infos": record()}, ScoringScheme.VISUAL),
        ({"rollout_infos": record(toolbox=None), "env_name": "lost"}, ScoringScheme.MATH),
    ],
)
def test_an_unknown_source_is_math_if_it_asks_for_a_box_and_has_no_tool(
    columns: dict, scheme: ScoringScheme
) -> None:
    asks = {"role": "user", "content": r"<image> How many? Put it in \boxed{}."}
    assert row(data_source="mine", messages=[asks, LAST], **columns).scheme is scheme


def test_a_row_is_named_by_source_and_index() -> None:
    assert row().name == "vstar/5"
    assert row(data_source=None, extra_info=None).name == "?/?"


SHOTS = [
    SYSTEM,
    {"role": "user", "content": f"<image>\nHow many cats?{TURN_INSTRUCTION}"},
    {"role": "assistant", "content": "<think>I look.</think><tool_call>{}</tool_call>"},
    CROP,
    {"role": "assistant", "content": "<think>One.</think><answer>1</answer>"},
    USER,
]
MINE = {"role": "assistant", "content": "<tool_call>mine</tool_call>"}


@pytest.mark.parametrize(
    ("messages", "infos", "texts"),
    [
        ([*SHOTS, LAST], None, (GOOD,)),
        ([*SHOTS, IDS, CROP, LAST], None, (None, GOOD)),
        ([*SHOTS, MINE, CROP, LAST], None, ("<tool_call>mine</tool_call>", GOOD)),
        ([*SHOTS, MINE, {"role": "tool", "content": "Too small."}, LAST], None,
         ("<tool_call>mine</tool_call>", GOOD)),
        ([*SHOTS, MINE, {"role": "user", "content": "Go on."}, LAST], {"num_turns": 2},
         ("<tool_call>mine</tool_call>", GOOD)),
        ([*SHOTS, LAST], {"num_turns": 1}, (GOOD,)),
        ([*SHOTS, LAST], {"num_turns": "many"}, (GOOD,)),
        ([*SHOTS, LAST], {"num_turns": True}, (GOOD,)),
        ([*SHOTS, LAST], {"num_turns": 99},
         (SHOTS[2]["content"], SHOTS[4]["content"], GOOD)),
        (SHOTS, None, (GOOD,)),  # the completion is not among the messages
        (SHOTS, {"num_turns": 1}, (GOOD,)),
        ([*SHOTS, MINE, CROP], {"num_turns": 2}, ("<tool_call>mine</tool_call>", GOOD)),
    ],
)  # fmt: skip
def test_shots_of_the_prompt_are_not_the_models_turns(
    messages: list[dict], infos: object, texts: tuple[str | None, ...]
) -> None:
    read = row(messages=messages, images=[FILE] * 3, rollout_infos=infos, extra_info=None)
    assert read.transcript is not None
    assert tuple(turn.text for turn in read.transcript.exchanges) == texts
    # The question is the one that the model answers.
    assert read.question == (
        "Which colour?" if texts[0] != SHOTS[2]["content"] else "How many cats?"
    )


def test_crops_of_shots_are_not_the_models() -> None:
    images = [PNG] * 3  # two of the prompt's questions, one in its shot
    transcript = row(messages=[*SHOTS, LAST], images=images).transcript
    assert transcript is not None and transcript.crops == 0
    transcript = row(messages=[*SHOTS, IDS, CROP, LAST], images=[*images, PNG]).transcript
    assert transcript is not None and transcript.crops == 1


def test_with_a_record_the_last_question_counts_too() -> None:
    messages = [*SHOTS, IDS, CROP, LAST]
    assert row(messages=messages, rollout_infos=record(), extra_info=None).question == (
        "Which colour?"
    )


@pytest.mark.parametrize(
    ("env_name", "scheme"),
    [
        (None, ScoringScheme.VISUAL),  # not known: the prompt announces the tool
        ("visual_toolbox_v2", ScoringScheme.VISUAL),
        ("", ScoringScheme.MATH),  # known: no tool, whatever the prompt says
        (" None ", ScoringScheme.MATH),
        ("nan", ScoringScheme.MATH),
    ],
)
def test_an_empty_env_name_means_no_tool_and_a_missing_one_nothing(
    env_name: object, scheme: ScoringScheme
) -> None:
    asks = {"role": "user", "content": r"<image> How many? Put it in \boxed{}."}
    read = row(data_source="mine", messages=[SYSTEM, asks, LAST], env_name=env_name)
    assert read.scheme is scheme


def test_half_a_character_in_a_row_becomes_text_that_can_be_sent() -> None:
    read = row(
        completion="<answer>\ud83d</answer>",
        reward_model='{"ground_truth": "\\ud83d red"}',
        extra_info={"question": "\udfffWhich?"},
        messages=[USER, {"role": "assistant", "content": "\ud83d"}],
    )
    assert read.transcript is not None
    for text in (read.reference, read.question, *read.transcript.texts):
        text.encode()

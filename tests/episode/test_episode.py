from __future__ import annotations

import json
import random
from typing import Any, ClassVar

import pytest
from PIL import Image
from pydantic import BaseModel

from swift_deepeyes.episode.boxes import Frame
from swift_deepeyes.episode.episode import Episode, EpisodeLimits, Observation
from swift_deepeyes.episode.messages import TURN_INSTRUCTION
from swift_deepeyes.episode.result import ToolResult
from swift_deepeyes.episode.tool import Tool, Toolbox, ToolContext
from swift_deepeyes.episode.trajectory import CallStatus, StopReason, Trajectory
from swift_deepeyes.episode.view import ViewRecipe, to_png
from swift_deepeyes.settings import IndexedImages
from tests.episode.helpers import call, load, make_episode, make_limits, png

BOX = [10, 20, 110, 120]
HALVES = ViewRecipe(14, fetch_options={"max_pixels": 1008 * 560})  # shows 2016x1120 at half size


def advance(episode: Episode, text: str, truncated: bool = False) -> Observation | None:
    return episode.advance(text, tokens=len(text), truncated=truncated)


def last_call(episode: Episode) -> Any:
    return episode.record.turns[-1].calls[-1]


def test_a_crop_and_an_answer() -> None:
    episode = make_episode()
    observation = advance(episode, call(bbox_2d=BOX))
    assert observation is not None
    assert observation.text == f"<tool_response><image>{TURN_INSTRUCTION}</tool_response>"
    assert load(observation.images[0]).size == (100, 100)
    assert advance(episode, "<think>ah</think><answer>red</answer>") is None
    record = episode.record
    assert (record.stop_reason, record.crops, record.images) == (StopReason.ANSWERED, 1, 2)
    assert episode.images.strings[1] == observation.images[0]
    assert record.turns[0].calls[0].status is CallStatus.OK
    assert Trajectory.model_validate_json(record.model_dump_json()) == record


def test_answer_wins_over_a_call_beside_it() -> None:
    episode = make_episode()
    assert advance(episode, call(bbox_2d=BOX) + "<answer>red</answer>") is None
    assert episode.stop_reason is StopReason.ANSWERED
    assert last_call(episode).status is CallStatus.NOT_RUN
    assert episode.record.crops == 0


@pytest.mark.parametrize(
    ("text", "truncated", "reason"),
    [
        ("just words", False, StopReason.NO_ACTION),
        ("", False, StopReason.NO_ACTION),
        (call(bbox_2d=BOX), True, StopReason.LENGTH),
        ("<answer>red</answer>", False, StopReason.ANSWERED),
    ],
)
def test_stop_reasons(text: str, truncated: bool, reason: StopReason) -> None:
    episode = make_episode()
    assert advance(episode, text, truncated) is None
    assert episode.stop_reason is reason


def test_without_a_toolbox_the_episode_is_one_turn() -> None:
    episode = make_episode(toolbox=None)
    assert advance(episode, call(bbox_2d=BOX)) is None
    assert episode.stop_reason is StopReason.NO_ACTION and episode.record.toolbox is None


def test_max_turns_is_reached_without_a_last_crop() -> None:
    episode = make_episode(limits=make_limits(max_turns=2))
    assert advance(episode, call(bbox_2d=BOX)) is not None
    assert advance(episode, call(bbox_2d=BOX)) is None
    assert episode.stop_reason is StopReason.MAX_TURNS and episode.record.crops == 1


def test_image_limit() -> None:
    episode = make_episode(limits=make_limits(max_images=2))
    assert advance(episode, call(bbox_2d=BOX)) is not None
    assert advance(episode, call(bbox_2d=BOX)) is None
    assert episode.stop_reason is StopReason.IMAGE_LIMIT


def test_context_full_before_a_crop_that_does_not_fit() -> None:
    roomy, full = make_episode(context=2000), make_episode(context=500)
    assert advance(roomy, call(bbox_2d=BOX)) is not None
    assert advance(full, call(bbox_2d=BOX)) is None
    assert full.stop_reason is StopReason.CONTEXT_FULL
    assert full.record.crops == 0 and last_call(full).status is CallStatus.NOT_RUN


def test_the_context_fills_up_turn_by_turn() -> None:
    episode = make_episode(context=3000, limits=make_limits())
    turns = 1
    while advance(episode, call(bbox_2d=BOX)) is not None:
        turns += 1
    assert episode.stop_reason is StopReason.CONTEXT_FULL and 3 < turns < 20


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (call("rm"), CallStatus.UNKNOWN_TOOL),
        (call(), CallStatus.BAD_ARGUMENTS),
        (call(bbox_2d=[1, 2, 3]), CallStatus.BAD_BOX),
        (call(bbox_2d=BOX, img_idx=1), CallStatus.BAD_IMAGE_INDEX),
        (call(bbox_2d=BOX, img_idx=-1), CallStatus.BAD_IMAGE_INDEX),
        (call(bbox_2d=BOX, img_idx="one"), CallStatus.BAD_ARGUMENTS),
        (call(bbox_2d=BOX, img_idx=True), CallStatus.BAD_ARGUMENTS),
        ("<tool_call>zoom</tool_call>", CallStatus.MALFORMED_CALL),
        (call("image_rotate_tool", angle=1000), CallStatus.BAD_ARGUMENTS),
    ],
)
def test_mistakes_become_observations(text: str, status: CallStatus) -> None:
    episode = make_episode()
    observation = advance(episode, text)
    assert observation is not None and not observation.images
    assert "<image>" not in observation.text
    assert last_call(episode).status is status
    assert episode.record.crops == 0


@pytest.mark.parametrize(
    ("indexed", "index", "status", "told"),
    [
        (IndexedImages.ALL, 0, CallStatus.OK, ""),
        (IndexedImages.ALL, 1, CallStatus.OK, ""),
        (IndexedImages.ALL, 2, CallStatus.OK, ""),  # the crop
        (IndexedImages.ALL, 3, CallStatus.BAD_IMAGE_INDEX, "it is 0 to 2."),
        (IndexedImages.QUESTION, 0, CallStatus.OK, ""),
        (IndexedImages.QUESTION, 1, CallStatus.OK, ""),
        (IndexedImages.QUESTION, 2, CallStatus.BAD_IMAGE_INDEX, "only the images of the question"),
        (IndexedImages.QUESTION, 3, CallStatus.BAD_IMAGE_INDEX, "it is 0 to 1."),
        (IndexedImages.QUESTION, -1, CallStatus.BAD_IMAGE_INDEX, "There is no such image"),
    ],
)
def test_an_index_counts_all_images_or_the_questions(
    indexed: IndexedImages, index: int, status: CallStatus, told: str
) -> None:
    """Qwen3-VL was trained to count the user's images alone (its issue 1667)."""
    episode = make_episode(png(color="white"), png(color="red"), indexed=indexed)
    assert advance(episode, call(bbox_2d=[10, 10, 110, 110], img_idx=1)) is not None
    observation = advance(episode, call(bbox_2d=[20, 20, 70, 70], img_idx=index))
    assert observation is not None and told in observation.text
    assert last_call(episode).status is status
    if status is CallStatus.OK:
        color = load(observation.images[0]).getpixel((5, 5))
        assert color == ((255, 255, 255) if index == 0 else (255, 0, 0))


def test_without_an_index_it_is_the_first_image_also_after_a_crop() -> None:
    """Qwen3.5 leaves it out (Qwen-Agent 879); boxes then count in the original."""
    for indexed in IndexedImages:
        episode = make_episode(png(280, 196), indexed=indexed)  # a view of itself
        assert advance(episode, call(bbox_2d=[100, 50, 200, 150])) is not None
        assert advance(episode, call(bbox_2d=[140, 98, 280, 196])) is not None
        second = last_call(episode)
        assert (second.image_index, second.source_box) == (0, (140.0, 98.0, 280.0, 196.0))


def test_the_models_text_is_never_echoed() -> None:
    episode = make_episode()
    for text in (
        call("<image>"),
        call(**{"<image>": 1}),
        call(bbox_2d="<image>"),
        call(bbox_2d=BOX, img_idx="<image>"),
        "<tool_call><image></tool_call>",
    ):
        observation = make_episode().advance(text, tokens=1, truncated=False)
        assert observation is not None and "<image>" not in observation.text
    assert episode.record.crops == 0


def test_bbox_is_read_for_bbox_2d_and_a_label_may_be_anything() -> None:
    assert advance(make_episode(), call(bbox=BOX, label=["x"])).images  # type: ignore[union-attr]


def test_several_calls_in_a_turn_up_to_the_limit() -> None:
    episode = make_episode(limits=make_limits(max_calls_per_turn=2))
    observation = advance(
        episode, call(bbox_2d=BOX) + call(bbox_2d=[0, 0, 9, 9]) + call(bbox_2d=BOX)
    )
    assert observation is not None and len(observation.images) == 1
    assert observation.text.count("<tool_response>") == 3
    statuses = [record.status for record in episode.record.calls]
    assert statuses == [CallStatus.OK, CallStatus.BOX_TOO_SMALL, CallStatus.TOO_MANY_CALLS]


def test_crops_of_crops_keep_their_place_in_the_source() -> None:
    episode = make_episode(png(2016, 1120), recipe=HALVES)
    advance(episode, call(bbox_2d=[504, 280, 1008, 560]))
    advance(episode, call(bbox_2d=[252, 140, 504, 280], img_idx=1))
    assert last_call(episode).source_box == pytest.approx((1512, 840, 2016, 1120))


def test_norm1000_boxes_are_recorded_in_the_models_frame() -> None:
    episode = make_episode(png(2016, 1120), frame=Frame.NORM1000, recipe=HALVES)
    advance(episode, call(bbox_2d=[250, 500, 500, 750]))
    record = last_call(episode)
    assert record.frame == "norm1000" and record.box == pytest.approx((250, 500, 500, 750))
    assert record.source_box == pytest.approx((504, 560, 1008, 840))


def test_rotation_swaps_the_sides() -> None:
    episode = make_episode(png(308, 196))
    observation = advance(episode, call("image_rotate_tool", angle=90))
    assert observation is not None and load(observation.images[0]).size == (196, 308)


def test_an_unreadable_image_is_told_to_the_model() -> None:
    episode = make_episode("bm90IGFuIGltYWdl")
    assert advance(episode, call(bbox_2d=BOX)) is not None
    assert last_call(episode).status is CallStatus.UNREADABLE_IMAGE


class Nothing(BaseModel):
    pass


class BrokenTool(Tool[Nothing]):
    name: ClassVar[str] = "broken"
    description: ClassVar[str] = "Fails."
    arguments = Nothing

    def run(self, arguments: Nothing, scene: ToolContext) -> ToolResult:
        raise ZeroDivisionError("<image>")


def test_a_tools_bug_is_logged_and_the_episode_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    episode = make_episode(toolbox=Toolbox("mine", {"broken": BrokenTool()}))
    observation = advance(episode, call("broken"))
    assert observation is not None and "<image>" not in observation.text
    assert last_call(episode).status is CallStatus.TOOL_FAILED
    assert "ZeroDivisionError" in caplog.text


PIECES = [
    "<think>", "</think>", "<answer>", "</answer>", "<tool_call>", "</tool_call>", "<image>",
    "<tool_response>", "<|vision_start|>", "<|image_pad|>", "\x00", "\ud83d", "é" * 50, "{", "}",
    "[[[[", "null", "NaN", "1e309", '"', "\\", "<video>", "<bbox>", " ",
]  # fmt: skip


def hostile_text(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.2:
        return "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 30)))
    numbers = [
        rng.choice([rng.uniform(-50, 900), rng.randint(0, 900), 1e300, True, None, "x", [1], 1e-9])
        if rng.random() < 0.05
        else rng.uniform(-20, 700)
        for _ in range(rng.choice([4, 4, 4, 4, 0, 3, 5]))
    ]
    if rng.random() < 0.6:
        numbers.sort(key=lambda n: n if isinstance(n, float) else 0.0)
        numbers = [numbers[i] for i in (0, 1, 2, 3)] if len(numbers) == 4 else numbers
    arguments: dict[str, Any] = {rng.choice(["bbox_2d"] * 6 + ["bbox", "box"]): numbers}
    if rng.random() < 0.4:
        arguments["img_idx"] = rng.choice([0, 1, 2, -1, 99, 1.5, "0", None, True, 10**15])
    if rng.random() < 0.2:
        arguments["label"] = rng.choice(["<image>", None, 3, {"a": "<image>"}])
    name = rng.choice(
        ["image_zoom_in_tool"] * 5 + ["image_rotate_tool", "", "<image>", "os.system"]
    )
    text = call(name, **arguments)
    return (
        text[: rng.randint(0, len(text))] if rng.random() < 0.1 else text * rng.choice([1, 1, 1, 3])
    )


def test_10000_hostile_texts_boxes_and_images() -> None:
    rng = random.Random(11)
    images = [png(640, 480), png(900, 500), png(300, 200), png(40, 500), png(700, 31)]
    images += [png(5, 5), png(900, 3), "", "!!", to_png(Image.new("P", (64, 64)))]
    crops = finished = turns = 0
    while turns < 10_000:
        episode = make_episode(
            *rng.sample(images, rng.randint(1, 3)),
            limits=EpisodeLimits(
                rng.choice([None, 1, 3, 6]), rng.choice([1, 2, 5]), rng.choice([1, 3, 8])
            ),
            frame=rng.choice([Frame.PIXEL, Frame.NORM1000]),
            context=rng.choice([None, None, 300, 5000]),
        )
        for _ in range(8):
            turns += 1
            observation = advance(episode, hostile_text(rng), truncated=rng.random() < 0.05)
            json.dumps(episode.record.model_dump(mode="json"), allow_nan=False)
            if observation is None:
                finished += 1
                assert episode.stop_reason is not None
                break
            assert episode.stop_reason is None
            assert observation.text.count("<image>") == len(observation.images)
            crops += len(observation.images)
        assert episode.record.crops == sum(
            record.status is CallStatus.OK for record in episode.record.calls
        )
    assert crops > 100 and finished > 500

"""Training and evaluation begin the same episode for the same row: one place sets it up."""

from __future__ import annotations

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from swift.infer_engine.protocol import RequestConfig, RolloutInferRequest

from swift_deepeyes.chat.reply import Reply
from swift_deepeyes.demo.families import family_template
from swift_deepeyes.episode.context import ContextMeter
from swift_deepeyes.episode.episode import Episode, EpisodeLimits
from swift_deepeyes.episode.messages import TURN_INSTRUCTION
from swift_deepeyes.episode.start import EpisodeStarter
from swift_deepeyes.evaluation.config import Config, Sampling
from swift_deepeyes.evaluation.driver import Driver
from swift_deepeyes.evaluation.names import Family, ToolMode
from swift_deepeyes.evaluation.question import Question
from swift_deepeyes.evaluation.served_model import ServedModel
from swift_deepeyes.evaluation.trial import Trial
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.scheduler import DeepEyesScheduler
from swift_deepeyes.record.record import PromptMessage
from swift_deepeyes.settings import JudgeKind, Settings, SmallBoxes
from tests.episode.helpers import call
from tests.ms_swift.drivers import StubEngine

MAX_PIXELS = 16_384 * 28 * 28
"""What qwen-vl-utils shows at most, where nobody sets less."""
TEXTS = [
    call(bbox_2d=[28, 28, 140, 112]),
    call(bbox_2d=[0, 0, 8, 8]),  # the settings below enlarge it
    call(bbox_2d=[0, 0, 90, 90], img_idx=1),
    "<answer>red</answer>",
]
SETTINGS = Settings(
    judge=JudgeKind.RULE,
    small_boxes=SmallBoxes.ENLARGE,
    min_crop_side=40,
    min_crop_pixels=50_000,
    max_images=7,
)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Episode]:
    """Every episode that a host begins."""
    episodes: list[Episode] = []
    start = EpisodeStarter.start

    def noting(self: EpisodeStarter, *args: Any) -> Episode:
        episodes.append(start(self, *args))
        return episodes[-1]

    monkeypatch.setattr(EpisodeStarter, "start", noting)
    monkeypatch.setattr(process, "settings", SETTINGS)
    return episodes


def question(tmp_path: Path) -> Question:
    path = tmp_path / "image.png"
    Image.effect_noise((1001, 777), 90).convert("RGB").save(path)
    prompt = PromptMessage(role="user", text=f"<image>\nWhat color?{TURN_INSTRUCTION}")
    values = {"id": "q", "text": "What color?", "reference": "red", "images": (path,)}
    return Question.model_construct(
        **{
            name: field.get_default(call_default_factory=True)
            for name, field in Question.model_fields.items()
        }
        | values
        | {"prompt": (prompt,), "toolbox": "visual_toolbox_v2"}
    )


def train(row: Question) -> None:
    template = family_template("qwen2_5_vl")
    engine = StubEngine(lambda request: TEXTS[_turn(request.messages)], template)
    scheduler = DeepEyesScheduler(infer_engine=engine, max_turns=6)
    image = base64.b64encode(row.images[0].read_bytes()).decode()
    request = RolloutInferRequest(
        messages=[{"role": message.role, "content": message.text} for message in row.prompt],
        images=[image],
        data_dict={"env_name": row.toolbox},
        uuid="one",
    )
    asyncio.run(scheduler.run(request, RequestConfig()))


class _Endpoint:
    async def complete(self, model: str, messages: Any, sampling: Sampling, *, seed: int) -> Reply:
        return Reply(content=TEXTS[_turn(messages)])


def evaluate(row: Question) -> None:
    model = ServedModel(
        name="m", family=Family.QWEN2_5_VL, frame="pixel", min_pixels=4 * 28 * 28,
        max_pixels=MAX_PIXELS, max_context=8192, how="stated",
    )  # fmt: skip
    config = Config(benchmark="vstar", system_prompt="", max_turns=6)
    driver = Driver(_Endpoint(), model, config, SETTINGS)  # type: ignore[arg-type]
    try:
        asyncio.run(driver.play(Trial(question=row, tool=ToolMode.ON)))
    finally:
        driver.close()


def _turn(messages: Any) -> int:
    return sum(message["role"] == "assistant" for message in messages)


def set_up(episode: Episode) -> dict[str, object]:
    """What an episode was begun with, as far as it can be compared."""
    context = episode.context
    meter: ContextMeter = episode._meter
    limits: EpisodeLimits = episode._limits
    return {
        "frame": context.frame,
        "rules": context.rules,
        "crop limits": context.images._limits,
        "crop source": context.images._maker.keep_source,
        "toolbox": episode._toolbox,
        "instruction": episode._instruction,
        "limits": limits,
        "context": meter.limit,
    }


def sizes(episode: Episode) -> list[tuple[int, int]]:
    crops = episode.images.strings[episode.images.source_count :]
    return [Image.open(io.BytesIO(base64.b64decode(crop))).size for crop in crops]


def test_both_hosts_begin_and_end_the_same_episode(tmp_path: Path, started: list[Episode]) -> None:
    row = question(tmp_path)
    train(row)
    evaluate(row)
    trained, evaluated = started
    assert set_up(trained) == set_up(evaluated)
    unknown = {"prompt_opens_thought": None}  # a server does not show its template
    assert trained.record.model_copy(update=unknown) == evaluated.record
    assert [one.status for one in trained.record.calls] == ["ok", "ok", "ok"]
    assert trained.images.strings[1:] == evaluated.images.strings[1:]
    assert min(map(min, sizes(trained))) >= 40

"""Log directories for the tests, in the format of `record.record`."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from swift_deepeyes.episode.episode import Episode
from swift_deepeyes.episode.messages import TURN_INSTRUCTION
from swift_deepeyes.episode.trajectory import Trajectory, TurnRecord
from swift_deepeyes.record.record import LoggedTrajectory, PromptMessage, RunInfo
from swift_deepeyes.scoring.verdict import Decider, Outcome, Verdict
from tests.record.scored import score_of
from tests.viewer.harbour import Harbour, draw_harbour
from tests.viewer.rollouts import habits_at, make_episode, make_starter, play, png

_SYSTEM = "You look at images. <tools>image_zoom_in_tool(bbox_2d, label)</tools>"


def make_run(
    path: Path, *, steps: int = 20, groups: int = 4, rollouts: int = 8, seed: int = 0
) -> list[LoggedTrajectory]:
    """A whole run of the drawn policy, written to `path` as by two ranks."""
    items = []
    for step in range(1, steps + 1):
        for group in range(groups):
            rng = random.Random(f"{seed}/{step}/{group}")
            scene = draw_harbour(rng)
            items += _group(path, scene, rng, step, f"{step}-{group}", rollouts, steps)
    write_lines(path, items[::2], "rank0.jsonl")
    write_lines(path, items[1::2], "rank1.jsonl")
    info = RunInfo(
        kind="train", name="harbour-7b-grpo", started="2026-01-12 09:30", settings={"lr": "1e-6"}
    )
    (path / "run.json").write_text(info.model_dump_json())
    return items


def write_lines(path: Path, items: Iterable[LoggedTrajectory], name: str = "rank0.jsonl") -> Path:
    folder = path / "trajectories"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("a", encoding="utf-8") as file:
        for item in items:
            file.write(item.model_dump_json() + "\n")
    return folder / name


def store_image(path: Path, content: bytes) -> str:
    """Write an image once, under a name made of its content."""
    (path / "images").mkdir(parents=True, exist_ok=True)
    name = f"{sha256(content).hexdigest()[:24]}.png"
    (path / "images" / name).write_bytes(content)
    return name


def make_item(
    number: int = 0, text: str = "<answer>B</answer>", **changes: Any
) -> LoggedTrajectory:
    """A small trajectory with one turn and no image."""
    values: dict[str, Any] = {
        "id": f"item-{number}",
        "group": f"group-{number // 4}",
        "step": number // 16,
        "source": "vstar",
        "question": "What colour is it?",
        "reference": "B",
        "trajectory": Trajectory(
            turns=(TurnRecord(text=text),),
            source_images=0,
            toolbox="visual_toolbox_v2",
            stop_reason="answered",
        ),
        "score": score_of(1.0, answer="B", total=0.8),
    }
    return LoggedTrajectory(**{**values, **changes})


def copies(items: list[LoggedTrajectory], count: int, steps: int) -> list[LoggedTrajectory]:
    """`count` trajectories out of a few: new ids, groups and steps, the same texts and images."""
    result = []
    for number in range(count):
        item = items[number % len(items)]
        update = {
            "id": f"t{number:06d}",
            "group": f"g{number // 16}",
            "step": 1 + number * steps // count,
        }
        result.append(item.model_copy(update=update))
    return result


def _group(
    path: Path,
    scene: Harbour,
    rng: random.Random,
    step: int,
    group: str,
    rollouts: int,
    steps: int,
) -> list[LoggedTrajectory]:
    source = png(scene.image)
    image, starter = base64.b64encode(source).decode(), make_starter()
    items = []
    for rollout in range(rollouts):
        episode = make_episode(image, starter)
        is_right = play(scene, episode, habits_at(step - 1, steps), rng)
        name = f"{step:03d}-{group}-{rollout}"
        item = _logged(path, scene, episode, name, is_right, rng)
        items.append(item.model_copy(update={"step": step, "group": group, "index": group}))
    mean = sum(item.score.total for item in items) / len(items)
    return [
        item.model_copy(update={"advantage": round(item.score.total - mean, 3)}) for item in items
    ]


def _logged(
    path: Path, scene: Harbour, episode: Episode, name: str, is_right: bool, rng: random.Random
) -> LoggedTrajectory:
    record = episode.record
    contents = [base64.b64decode(image) for image in episode.images.strings]
    answered = record.stop_reason == "answered"
    said = record.turns[-1].text.rpartition("<answer>")[2].partition("</answer>")[0]
    accuracy = float(is_right) if rng.random() > 0.03 else None
    errors = () if answered else ("missing_answer",)
    tool = float(bool(accuracy) and record.crops > 0)
    total = 0.8 * (accuracy or 0) - 0.2 * bool(errors) + 1.2 * tool
    return LoggedTrajectory(
        id=name,
        group="",
        step=0,
        source=scene.source,
        prompt=(
            PromptMessage(role="system", text=_SYSTEM),
            PromptMessage(role="user", text=f"<image>\n{scene.question}{TURN_INSTRUCTION}"),
        ),
        question=scene.question,
        reference=scene.answer,
        images=tuple(store_image(path, content) for content in contents),
        image_sizes=(scene.image.size,),
        turn_tokens=tuple(len(turn.text) // 4 for turn in record.turns),
        trajectory=record,
        score=score_of(
            accuracy,
            format=-float(bool(errors)),
            tool=tool,
            total=round(total, 3),
            format_errors=errors,
            verdict=_verdict(answered, accuracy),
            answer=said if answered else None,
            crops=record.crops,
        ),
        rewards={"DeepEyesReward": round(total, 3)},
    )


def _verdict(answered: bool, accuracy: float | None) -> Verdict | None:
    if not answered:
        return None
    if accuracy is None:
        reply = "The two answers describe the boat in different ways, so"
        return Verdict(outcome=Outcome.UNREADABLE, decided_by=Decider.SERVER, reply=reply)
    outcome = Outcome.RIGHT if accuracy else Outcome.WRONG
    return Verdict(outcome=outcome, decided_by=Decider.SERVER, reply=f"Judgement: {int(accuracy)}")


def metrics_line(step: int, **values: float) -> str:
    return json.dumps({"step": step, "values": values}) + "\n"

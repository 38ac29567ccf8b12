"""A log in which every text that the page shows tries to become markup, script or structure."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from swift_deepeyes.episode.trajectory import CallRecord, Trajectory, TurnRecord
from swift_deepeyes.record.record import LoggedTrajectory, PromptMessage, RunInfo
from swift_deepeyes.scoring.score import SampleScore
from swift_deepeyes.scoring.verdict import Verdict
from tests.viewer.log_maker import make_item, store_image, write_lines
from tests.viewer.rollouts import png

ATTACKS = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=2</script>",
    "<img src=x onerror=window.pwned=3>",
    "<!--<script>window.pwned=4",
    "{{head}} {{script}} {{blocks}} ${window.pwned=5}",
    "{{constructor.constructor('window.pwned=6')()}}",
    "javascript:window.pwned=7",
    "\"'><svg onload=window.pwned=8>",
    "\u2028window.pwned=9\u2029",
    "]]><style>*{display:none}</style>",
    "__proto__",
)
ATTACK = " ".join(ATTACKS)


def hostile_item(image: str = "") -> LoggedTrajectory:
    """One trajectory, with the attack wherever a log has room for text."""
    call = CallRecord(
        name=ATTACK,
        arguments={"bbox_2d": [0, 0, 40, 40], "label": ATTACK},
        status="ok",
        image_index=0,
        frame="pixel",
        box=(0, 0, 40, 40),
        source_box=(0, 0, 40, 40),
        crop_size=(40, 40),
    )
    text = (
        f"<think>{ATTACK}</think><tool_call>{ATTACK}</tool_call>{ATTACK}<answer>{ATTACK}</answer>"
    )
    return make_item(
        id=ATTACK,
        group=ATTACK,
        source=ATTACK,
        category=ATTACK,
        index=ATTACK,
        split=ATTACK,
        question=ATTACK,
        reference=ATTACK,
        prompt=(PromptMessage(role=ATTACK, text=ATTACK),),
        images=(image, "../../etc/passwd"),
        trajectory=Trajectory(
            turns=(TurnRecord(text=text, calls=(call,), observation=ATTACK),),
            source_images=1,
            crops=1,
            toolbox=ATTACK,
            stop_reason="answered",
        ),
        score=SampleScore(
            terms={"accuracy": 1.0, ATTACK: 1.0, "__proto__": 2.0},
            total=0.8,
            format_errors=(ATTACK,),
            verdict=Verdict(outcome="right", decided_by="server", reply=ATTACK),
            answer=ATTACK,
        ),
        rewards={ATTACK: 1.0, "__proto__": 2.0},
    )


def write_hostile_log(path: Path) -> None:
    image = store_image(path, png(Image.new("RGB", (80, 60), "teal")))
    items = [hostile_item(image).model_copy(update={"step": step}) for step in (1, 2)]
    other = {"id": "second", "source": "vstar", "category": None}
    items[1] = items[1].model_copy(update=other)
    write_lines(path, items)
    info = RunInfo(kind=ATTACK, name=ATTACK, started=ATTACK, settings={ATTACK: ATTACK})
    (path / "run.json").write_text(info.model_dump_json())
    line = '{"step": 1, "values": {"<img src=x onerror=window.pwned=10>": 1.0}}\n'
    (path / "metrics.jsonl").write_text(line + line.replace('"step": 1', '"step": 2'))

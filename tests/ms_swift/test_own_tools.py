"""The README's tool, as a user loads it, in one batch with rows of every other kind."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from swift.infer_engine.protocol import RolloutInferRequest
from swift.template.vision_utils import load_image
from swift.utils.utils import import_external_file

from swift_deepeyes.demo.families import family_template
from swift_deepeyes.episode.trajectory import CallStatus, Trajectory
from swift_deepeyes.episode.view import to_png
from swift_deepeyes.tools import tool_schemas
from tests.ms_swift.drivers import run_colocate, run_server

README = Path(__file__).parents[2] / "swift_deepeyes/tools/README.md"
TURN = '<think>look</think><tool_call>{"name": "%s", "arguments": %s}</tool_call>'
BOX = {"bbox_2d": [28, 28, 140, 112]}


@pytest.fixture(scope="module", autouse=True)
def readme_tool(tmp_path_factory: pytest.TempPathFactory) -> str:
    (code,) = re.findall(r"```python\n(# my_tools\.py\n.*?)```", README.read_text(), re.DOTALL)
    assert len(code.strip().splitlines()) < 25
    path = tmp_path_factory.mktemp("plugin") / "my_tools.py"
    path.write_text(code)
    for _ in range(2):  # ms-swift may load a plugin file more than once
        import_external_file(str(path))
    return code


def policy(request: Any) -> str:
    """Tries every tool there is, one a turn, whatever the row may use."""
    turn = sum(message["role"] == "assistant" for message in request.messages)
    names = ["image_zoom_in_tool", "draw_marker_tool", "image_rotate_tool"]
    if turn == len(names):
        return "<answer>red</answer>"
    arguments = {"angle": 90} if names[turn] == "image_rotate_tool" else BOX
    return TURN % (names[turn], json.dumps(arguments))


def row(env_name: str | None, source: str) -> RolloutInferRequest:
    data = {"data_source": source, **({} if env_name is None else {"env_name": env_name})}
    return RolloutInferRequest(
        messages=[{"role": "user", "content": "<image>\nWhat color?"}],
        images=[to_png(Image.new("RGB", (280, 196), "white"))],
        data_dict=data,
        uuid=f"{source} {env_name}",
    )


@pytest.mark.parametrize("drive", [run_server, run_colocate])
def test_each_row_of_a_hybrid_batch_gets_its_tools_and_no_others(drive: Any) -> None:
    rows = [
        row("visual_toolbox_v2", "vstar"),
        row("visual_toolbox_v2", "chart"),
        row(None, "thinklite_eureka"),
        row("", "thinklite_eureka"),
        row("marker_toolbox", "mine"),
    ]
    outputs, _ = drive(policy, family_template("qwen2_5_vl"), rows)
    records = [Trajectory.model_validate(o.rollout_infos["deepeyes"]) for o in outputs]
    statuses = [[call.status for call in record.calls] for record in records]
    ok, unknown, not_run = CallStatus.OK, CallStatus.UNKNOWN_TOOL, CallStatus.NOT_RUN
    assert statuses == [
        [ok, unknown, ok],
        [ok, unknown, ok],
        [not_run],
        [not_run],
        [unknown, ok, unknown],
    ]
    marked = load_image(outputs[4].rollout_infos["images"][1])
    assert marked.size == (280, 196)
    assert marked.getpixel((28, 60)) == (255, 0, 0) and marked.getpixel((80, 80)) == (255,) * 3


def test_the_prompts_schema_comes_from_the_arguments() -> None:
    (schema,) = tool_schemas("marker_toolbox")
    assert schema["function"]["name"] == "draw_marker_tool"
    assert schema["function"]["parameters"]["required"] == ["bbox_2d"]
    zoom = tool_schemas("visual_toolbox_v2")[0]["function"]["parameters"]
    assert zoom["required"] == ["bbox_2d"] and zoom["properties"]["bbox_2d"]["type"] == "array"


def test_an_unknown_toolbox_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    rows = [row("no_such_box", "mine"), row("no_such_box", "mine")]
    outputs, _ = run_server(policy, family_template("qwen2_5_vl"), rows)
    assert [o.rollout_infos["deepeyes"]["toolbox"] for o in outputs] == [None, None]
    assert caplog.text.count("no_such_box") == 2  # one line, which names the fix as well

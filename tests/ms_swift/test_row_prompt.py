"""`DEEPEYES_PROMPT` on the fly: rows as `swift rlhf` loads them, told as each family's template is.

Templates are ms-swift's own, prompts are rendered by them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset
from swift.template import TEMPLATE_MAPPING

from swift_deepeyes.demo.families import FAMILIES, family_template
from swift_deepeyes.doctor.rows import check_rows
from swift_deepeyes.episode.boxes import Frame
from swift_deepeyes.episode.family import Family
from swift_deepeyes.ms_swift.checks.run import check_run
from swift_deepeyes.ms_swift.compat import render_prompt
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.row_prompt import PromptFormError
from swift_deepeyes.ms_swift.rows import DeepEyesRows, NoRowsLeftError, register_rows
from swift_deepeyes.ms_swift.template import prompt_form_of_run
from swift_deepeyes.settings import BoxFormat
from swift_deepeyes.tools.family_prompt import STATEMENTS, form_of_family, in_form
from tests.dataset import lookalike
from tests.dataset.loading import load, load_rows
from tests.dataset.loading import log as log_fixture
from tests.dataset.loading import own_registry as registry_fixture
from tests.preparation import published

log, own_registry = log_fixture, registry_fixture
Log = Callable[[], str]
SAID = STATEMENTS[Frame.NORM1000]
NAMES = tuple(lookalike.FILES)


def run_of(family: str, **arguments: Any) -> SimpleNamespace:
    """Arguments as `swift rlhf` has them when it calls us, as far as a family goes."""
    return SimpleNamespace(template_meta=TEMPLATE_MAPPING[family], **arguments)


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")


def begin(family: str, monkeypatch: pytest.MonkeyPatch, style: str = "family") -> None:
    monkeypatch.setenv("DEEPEYES_PROMPT", style)
    check_run(run_of(family))


def row(index: object, system: str = published.TOOL_SYSTEM, **more: Any) -> dict[str, Any]:
    made = lookalike.row("vstar", index, **more)
    made["prompt"][0]["content"] = system
    return made


@pytest.fixture
def three(tmp_path: Path) -> Path:
    for source, name in published.FILES.items():
        published.write(tmp_path / name, source, 3, flaws=False)
    for name, file in lookalike.FILES.items():
        register_rows(name, tmp_path / file)
    return tmp_path


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_and_a_family_say_the_same_of_a_prompt(family: str) -> None:
    for box_format in BoxFormat:
        expected = form_of_family(Family(family), box_format)
        assert prompt_form_of_run(run_of(family), box_format) == expected


def test_the_runs_own_flags_count() -> None:
    auto = BoxFormat.AUTO
    pixels = prompt_form_of_run(run_of("qwen3_vl", norm_bbox="none"), auto)
    assert pixels == form_of_family(Family.QWEN2_5_VL, auto)
    assert prompt_form_of_run(run_of("qwen3_vl", agent_template="qwen3_coder"), auto).in_column
    assert not prompt_form_of_run(run_of("qwen3_5", agent_template="hermes"), auto).in_column
    assert prompt_form_of_run(SimpleNamespace(), auto) is None


@pytest.mark.parametrize("family", FAMILIES)
def test_three_files_together_as_the_template_renders_them(
    three: Path, family: str, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    begin(family, monkeypatch)
    rows = load(*NAMES)
    assert len(rows) == 9
    template = family_template(family)
    for one in rows:
        pieces = render_prompt(template, one["messages"], one.get("tools"), {}).pieces
        prompt = "".join(piece for piece in pieces if isinstance(piece, str))
        has_tool = bool(one["env_name"])
        assert (SAID in prompt) == (has_tool and family != "qwen2_5_vl")
        assert ('"name": "image_zoom_in_tool", "arguments"' in prompt) == (
            has_tool and family != "qwen3_5"
        )
        assert ("<function=" in prompt) == (has_tool and family == "qwen3_5")
        assert one["extra_info"]["question"] in prompt
    assert log() == ""


def test_rows_without_a_tool_before_rows_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The column's type must not hang on the first rows."""
    begin("qwen3_5", monkeypatch)
    rows = [row(index, "Look closely.", env_name="") for index in range(4)]
    rows += [row(index) for index in range(4, 6)]
    dataset = Dataset.from_parquet(str(lookalike.write(tmp_path / "rows.parquet", rows)))
    loaded = list(DeepEyesRows()(dataset, batch_size=2))
    assert [bool(one["tools"]) for one in loaded] == [False] * 4 + [True] * 2
    assert SAID in json.dumps(loaded[-1]["tools"])


@pytest.mark.parametrize("processes", [1, 2])
def test_in_several_processes_and_as_a_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    begin("qwen3_vl", monkeypatch)
    options: dict[str, Any] = {"num_proc": processes} if processes > 1 else {"streaming": True}
    rows = load_rows(tmp_path, [row(index) for index in range(4)], **options)
    assert len(rows) == 4 and all(SAID in one["messages"][0]["content"] for one in rows)


def test_a_tools_column_of_the_rows_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin("qwen3_vl", monkeypatch)
    tools = [json.loads(published.SIGNATURE)]
    (one,) = load_rows(tmp_path, [row(1, "Look closely.", tools=tools)])
    assert SAID in json.dumps(one["tools"]) and one["messages"][0]["content"] == "Look closely."


def test_published_is_the_default_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    check_run(run_of("qwen3_vl"))
    (one,) = load_rows(tmp_path, [row(1)])
    assert one["messages"][0]["content"] == published.TOOL_SYSTEM and "tools" not in one
    assert log() == ""
    process.reset()
    begin("qwen3_vl", monkeypatch, "corrected")
    (one,) = load_rows(tmp_path, [row(1)])
    corrected = published.TOOL_SYSTEM.replace('"required":["bbox"]', '"required":["bbox_2d"]')
    assert one["messages"][0]["content"] == corrected


def test_json_in_the_prompt_of_a_model_that_is_taught_another_form_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    begin("qwen3_5", monkeypatch, "published")
    assert len(load_rows(tmp_path, [row(1), row(2)])) == 2
    assert "2 whose prompt shows calls as JSON" in log()


def test_a_prompt_that_states_another_frame_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prepared for Qwen3-VL, trained with Qwen2.5-VL: every box would be read wrong."""
    form = form_of_family(Family.QWEN3_VL, BoxFormat.AUTO)
    wrong = row(1)
    wrong["prompt"] = in_form(wrong["prompt"], None, wrong["env_name"], form).messages
    begin("qwen2_5_vl", monkeypatch, "published")
    with pytest.raises(NoRowsLeftError, match=r"boxes are norm1000.*reads them as pixel"):
        load_rows(tmp_path, [wrong])
    process.reset()
    begin("qwen2_5_vl", monkeypatch)
    (one,) = load_rows(tmp_path, [wrong])
    assert SAID not in one["messages"][0]["content"]
    assert "[10, 20, 100, 200]" in one["messages"][0]["content"]


def test_other_words_stay_and_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    begin("qwen3_vl", monkeypatch)
    kept, changed = load_rows(tmp_path, [row(1, lookalike.TOOL_SYSTEM), row(2)])
    assert kept["messages"][0]["content"] == lookalike.TOOL_SYSTEM
    assert SAID in changed["messages"][0]["content"]
    assert "1 with tools in words that are not the published ones" in log()


def test_datasets_that_are_not_reached_are_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["deepeyes_vstar#100", "mine", "/data/other.jsonl"]
    check_run(run_of("qwen3_vl", dataset=names))
    assert "does not reach" not in caplog.text
    process.reset()
    monkeypatch.setenv("DEEPEYES_PROMPT", "family")
    check_run(run_of("qwen3_vl", dataset=names[:1]))
    assert "does not reach" not in caplog.text
    check_run(run_of("qwen3_vl", dataset=names))
    assert "does not reach --dataset mine /data/other.jsonl:" in caplog.text


def test_where_nobody_says_which_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_PROMPT", "family")
    with pytest.raises(PromptFormError, match="prepare --prompt family"):
        load_rows(tmp_path, [row(1)])
    # The doctor looks at rows before a run: there is nothing to say of a family yet.
    (finding,) = check_rows(lookalike.write(tmp_path / "rows.parquet", [row(1)]))
    assert finding.text.startswith("checked as in training")

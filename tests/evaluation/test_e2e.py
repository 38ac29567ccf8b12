"""Against the real `swift deploy` with the real vLLM, on a CPU, with the toy model."""

from __future__ import annotations

from pathlib import Path

import pytest

from swift_deepeyes.demo import toy_plugin as toy_plugin_folder
from swift_deepeyes.demo.processes import SwiftProcess, free_port
from swift_deepeyes.demo.toy import build_data, build_model
from swift_deepeyes.demo.toy.model import CONTEXT_TOKENS
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.evaluation.config import Sampling
from swift_deepeyes.evaluation.served_model import Stated
from tests.evaluation.running import Evaluate

START_SECONDS = 150.0


@pytest.mark.e2e
def test_a_real_server_sees_what_we_think_and_answers_the_same_twice(
    tmp_path: Path, run_evaluation: Evaluate
) -> None:
    pytest.importorskip("vllm")
    model = build_model(tmp_path / "model", seed=0)
    data = build_data(tmp_path / "data", seed=0, rows=6, other_rows=1)
    port = free_port()
    plugin = Path(next(iter(toy_plugin_folder.__path__))) / "toy_plugin.py"
    arguments = ["deploy", "--model", str(model), "--model_type", QWEN2_5_VL.name]
    arguments += ["--template", QWEN2_5_VL.template, "--external_plugins", str(plugin)]
    arguments += ["--infer_backend", "vllm", "--vllm_enforce_eager", "true"]
    arguments += ["--vllm_max_model_len", str(CONTEXT_TOKENS), "--torch_dtype", "float32"]
    arguments += ["--host", "127.0.0.1", "--port", str(port), "--served_model_name", "toy"]
    with SwiftProcess(arguments, tmp_path / "deploy.log") as server:
        server.wait_for_line("Application startup complete", START_SECONDS)
        stated = Stated(
            checkpoint=model, max_pixels=QWEN2_5_VL.view.pixels, max_context=CONTEXT_TOKENS
        )
        first, second = (
            run_evaluation(
                f"http://127.0.0.1:{port}/v1",
                data.vstar,
                tmp_path / name,
                benchmark="parquet",
                stated=stated,
                samples=2,
                max_turns=3,
                sampling=Sampling(temperature=1.0, max_tokens=24),
            )
            for name in ("first", "second")
        )
    assert first.is_complete
    assert first.pixels.problem == ""
    assert [(probe.view, probe.counted) for probe in first.pixels.probes] == [
        ((56, 56), 4 + 2),
        ((112, 112), 16 + 2),
    ]
    assert first.figures.modes[0].planned == 12
    assert first.figures == second.figures

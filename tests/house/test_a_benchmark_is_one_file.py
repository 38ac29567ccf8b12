"""What a benchmark costs: one registration, and it is evaluated, reported and in `eval --help`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.evaluation.benchmarks import benchmark, registry
from swift_deepeyes.evaluation.question import Question, Unpack, option_question
from swift_deepeyes.evaluation.reporting.published import published
from tests.evaluation.policy_server import PolicyServer

COLOURS = ("red", "green", "blue")


@pytest.fixture(autouse=True)
def colours() -> Iterator[None]:
    @benchmark("colours", published=(published("A model", "99.9"),))
    def load(path: Path, images: Path | None, unpack: Unpack) -> Iterator[Question]:
        for colour in COLOURS:
            yield option_question(
                id=colour,
                images=(path / f"{colour}.png",),
                text="Which colour is it?",
                options=[colour, "black"],
                right=0,
                category="plain",
            )

    yield
    del registry._benchmarks["colours"]


def test_it_is_evaluated_and_listed(tmp_path: Path) -> None:
    for colour in COLOURS:
        Image.new("RGB", (280, 196), colour).save(tmp_path / f"{colour}.png")
    runner = CliRunner()
    assert "colours" in runner.invoke(app, ["eval", "--help"]).output
    with PolicyServer(lambda messages, number: "<answer>A</answer>") as server:
        where = ["--data", tmp_path, "--out", tmp_path / "out", "--base-url", server.url]
        arguments = ["eval", "colours", *where, "--max-pixels", 602_112, "--family", "qwen2_5_vl"]
        done = runner.invoke(app, [*map(str, arguments)])
    assert done.exit_code == 0, done.output
    report = (tmp_path / "out" / "report.md").read_text()
    assert report.startswith("# colours: ") and "99.9" in report


def test_a_name_that_nobody_registered_lists_those_that_are(tmp_path: Path) -> None:
    where = ["--data", tmp_path, "--out", tmp_path / "out", "--base-url", "http://127.0.0.1:9/v1"]
    done = CliRunner().invoke(app, ["eval", "color", *map(str, where)])
    assert done.exit_code == 2
    assert "'color' is no benchmark; there are colours, hrbench-4k" in " ".join(done.output.split())


def test_opening_a_huge_image_leaves_pillows_limit_alone(tmp_path: Path) -> None:
    from swift_deepeyes.evaluation.image_files import open_image

    limit = Image.MAX_IMAGE_PIXELS
    Image.new("1", (20_000, 10_000)).save(tmp_path / "huge.png")  # beyond Pillow's own limit
    assert open_image(str(tmp_path / "huge.png")).size == (20_000, 10_000)
    assert limit == Image.MAX_IMAGE_PIXELS
    with pytest.raises(Image.DecompressionBombError):
        Image.open(tmp_path / "huge.png")

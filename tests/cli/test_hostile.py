"""Hostile arguments, over all commands: one line that names the fault, and a sensible exit code."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from swift_deepeyes.cli.main import app
from tests.evaluation.files import make_vstar
from tests.evaluation.policy_server import PolicyServer, look

REFUSED = 2
# A file's name need not be text: this is the byte 0xff, as Python spells it.
ODD = "odd\udcff"
OLD_LOG = Path(__file__).parents[1] / "record" / "format_1.jsonl"
UNREADABLE = "/proc/self/mem"  # opens, and cannot be read, whoever asks

# Arguments, and what is told. `{}` is a folder with what `hostile` puts into it.
CASES: list[tuple[str, str]] = [
    # no such command or option
    ("", "Usage: "),
    ("plann", "No such command"),
    ("plan --modle 7b", "No such option"),
    ("view", "Missing argument"),
    # plan
    ("plan --model ''", "is not known"),
    ("plan --model 8b", "is not known; one of 3b, 7b"),
    ("plan --model {}", "or a folder with a config.json"),
    ("plan --model {}/nowhere", "or a folder with a config.json"),
    ("plan --model {}/empty.json", "or a folder with a config.json"),
    ("plan --model {}/broken_config", "cannot build this model"),
    ("plan --model {}/list_config", "cannot build this model"),
    ("plan --model {}/folder_config", "or a folder with a config.json"),
    ("plan --model {}/odd_config", "cannot build this model"),
    ("plan --model nobody/nothing", "nobody/nothing: 127.0.0.1 is not reached"),
    ("plan --gpu h1000", "one of rtx4090"),
    ("plan --gpus 0", "--gpus: "),
    ("plan --gpus -4", "--gpus: "),
    ("plan --gpus many", "Invalid value for '--gpus'"),
    ("plan --gpus 99999999999999999999999", "--gpus: "),
    ("plan --gpus 1", "no GPU is left to train on"),
    ("plan --tensor-parallel 3", "--tensor-parallel may be 1 or 2 or 4"),
    ("plan --rollout-gpus 99", "no GPU is left to train on"),
    ("plan --turns nan", "--turns: "),
    ("plan --crop-share inf", "--crop-share: "),
    ("plan --turn-tokens 0", "--turn-tokens: "),
    ("plan --steps 99999999999999999999999", "--steps: "),
    ("plan --log {}/nowhere", "nowhere"),
    ("plan --log {}/empty.json", "empty.json"),
    ("plan --log {}/broken_log", "no training step"),
    # view
    ("view {}/nowhere", "nowhere"),
    ("view {}/empty.json", "empty.json"),
    ("view {}", "no "),
    ("view {}/broken_log", "broken_log"),
    ("view {}/folder_log", "folder_log"),
    ("view {}/log --output {}", "is a directory"),
    ("view {}/log --output {}/empty.json/page.html", "empty.json"),
    ("view {}/log --output /proc/no/page.html", "/proc/no"),
    ("view {}/log --serve --port 99999", "for '--port'"),
    ("view {}/log --serve --port -1", "for '--port'"),
    ("view {}/log --serve --port {taken}", "{taken}"),
    ("view {}/{odd}", "odd"),
    # watch
    ("watch {}/nowhere", "nowhere is not a directory"),
    ("watch {}/empty.json", "empty.json is not a directory"),
    ("watch {} --once", "There is no log in"),
    ("watch {}/broken_log --once", "broken_log"),
    ("watch {}/folder_log --once", "folder_log"),
    ("watch {}/log --once --every 0", "for '--every'"),
    ("watch {}/{odd} --once", "odd"),
    # prepare
    ("prepare {}/nowhere.parquet", "nowhere.parquet"),
    ("prepare {}/log --out {}/out", "log"),
    ("prepare {}/empty.json --out {}/out", "empty.json"),
    ("prepare {}/broken.parquet --out {}/out", "broken.parquet"),
    ("prepare {}/empty.parquet --out {}/out", "empty.parquet"),
    ("prepare {unreadable} --out {}/out", "{unreadable}"),
    ("prepare {}/good.parquet --out {}/empty.json", "empty.json"),
    ("prepare {}/good.parquet --out /proc/no", "/proc/no"),
    ("prepare {}/good.parquet --out {}/out --workers 0", "--workers"),
    ("prepare {}/{odd}.parquet --out {}/out", "odd"),
    # make-data
    ("make-data {}/nowhere.jsonl --out {}/made", "nowhere.jsonl"),
    ("make-data {} --out {}/made", "{}"),
    ("make-data {}/empty.json --out {}/made", "empty.json"),
    ("make-data {}/broken.parquet --out {}/made", "broken.parquet"),
    ("make-data {}/odd_config/config.json --out {}/made", "config.json"),
    ("make-data {unreadable} --out {}/made", "{unreadable}"),
    ("make-data {}/rows.jsonl --out {}/empty.json", "empty.json"),
    ("make-data {}/rows.jsonl --out /proc/no", "/proc/no"),
    ("make-data {}/rows.jsonl --out {}/made --images {}/empty.json", "no row can be used"),
    ("make-data {}/rows.jsonl --out {}/made --external-plugins {}/none.py", "none.py"),
    ("make-data {}/rows.jsonl --out {}/made --toolbox no_such", "no_such"),
    # eval
    ("eval nothing {eval}", "nothing"),
    ("eval vstar {eval} --data {}/nowhere", "nowhere"),
    ("eval vstar {eval} --data {}/empty.json", "empty.json"),
    ("eval vstar {eval} --data {}/log", "log"),
    ("eval hrbench-4k {eval} --data {}/broken.parquet", "broken.parquet"),
    ("eval parquet {eval} --data {}/broken.parquet", "broken.parquet"),
    ("eval vstar {eval} --data {unreadable}", "{unreadable}"),
    ("eval vstar {eval} --out {}/empty.json", "empty.json"),
    ("eval vstar {eval} --out /proc/no", "/proc/no"),
    ("eval vstar {eval} --base-url 127.0.0.1:8000/v1", "starts with http://"),
    ("eval vstar {eval} --base-url ftp://127.0.0.1/v1", "starts with http://"),
    ("eval vstar {eval} --base-url http://127.0.0.1:99999/v1", "is no address"),
    ("eval vstar {eval} --base-url http://[::1/v1", "is no address"),
    ("eval vstar {eval} --base-url http://127.0.0.1:9/v1", "Nothing listens there"),
    ("eval vstar {eval} --base-url ''", "is no address"),
    ("eval vstar {eval} --api-key schlüssel", "--api-key"),
    ("eval vstar {eval} --model another", "does not serve 'another'"),
    ("eval vstar {eval} --checkpoint {}/nowhere", "there is no config.json"),
    ("eval vstar {eval} --checkpoint {}/broken_config", "is not JSON"),
    ("eval vstar {eval} --system-prompt {}", "{}"),
    ("eval vstar {eval} --system-prompt {}/broken.parquet", "broken.parquet"),
    ("eval vstar {eval} --images {}/empty.json", "empty.json"),
    ("eval vstar {eval} --family llava", "--family"),
    ("eval vstar {eval} --max-pixels 5", "less than"),
    # demo
    ("demo --steps 0", "--steps"),
    ("demo --output {}/empty.json", "empty.json"),
    ("demo --output {}/log", "log"),
    ("demo --output /proc/no", "/proc/no"),
    ("demo --seed x", "--seed"),
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("hostile")
    (folder / "empty.json").touch()
    for name, content in {
        "broken_config": b"{",
        "list_config": b"[1]",
        "odd_config": b'{"model_type": "\xff"}',
    }.items():
        (folder / name).mkdir()
        (folder / name / "config.json").write_bytes(content)
    (folder / "folder_config" / "config.json").mkdir(parents=True)
    for name in ("log", "broken_log"):
        (folder / name / "trajectories").mkdir(parents=True)
    shutil.copy(OLD_LOG, folder / "log" / "trajectories" / "rank0.jsonl")
    for name in ("metrics.jsonl", "run.json", "trajectories/rank0.jsonl"):
        (folder / "broken_log" / name).write_bytes(b'\xff\x00{"step": \n[]\nnull\n')
    (folder / "folder_log" / "metrics.jsonl").mkdir(parents=True)
    (folder / "broken.parquet").write_bytes(b"PAR1 and nothing of it PAR1")
    pq.write_table(pa.table({"prompt": pa.array([], pa.string())}), folder / "empty.parquet")
    pq.write_table(pa.table({"other": ["x"]}), folder / "good.parquet")
    os.mkdir(os.fsencode(folder) + b"/odd\xff")
    (folder / f"{ODD}.parquet").write_bytes(b"PAR1")
    (folder / "rows.jsonl").write_text('{"image": "a.png", "question": "q", "answer": "a"}\n')
    make_vstar(folder / "vstar", 2, pairs=0)
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[PolicyServer]:
    with PolicyServer(look) as server:
        yield server


@pytest.fixture(scope="module")
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USE_HF", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "http://127.0.0.1:9")
    monkeypatch.setenv("COLUMNS", "400")  # boxes of typer's own would wrap what is looked for


def refused_in_one_line(done: Result) -> str:
    """The line; typer's own errors are a usage line and a box."""
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.output
    assert "fault of swift-deepeyes" not in done.output, done.output
    lines = done.output.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if "Usage: " in done.output:
        return done.output
    assert len(errors) == 1 and lines[-1] == errors[0], done.output
    return errors[0]


@pytest.mark.parametrize(("line", "told"), CASES, ids=[case[0] or "nothing" for case in CASES])
def test_one_line(
    line: str, told: str, hostile: Path, server: PolicyServer, taken: int, tmp_path: Path
) -> None:
    evaluation = f"--data {{}}/vstar --out {tmp_path} --base-url {server.url} --max-pixels 602112"
    line = line.replace("{eval}", evaluation + " --retries 0")
    for place, value in {
        "{}/out": str(tmp_path / "out"),
        "{}": str(hostile),
        "{odd}": ODD,
        "{taken}": str(taken),
        "{unreadable}": UNREADABLE,
    }.items():
        line, told = line.replace(place, value), told.replace(place, value)
    arguments = [word.strip("'") for word in line.split()]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == REFUSED, (done.exit_code, done.output)
    assert told in refused_in_one_line(done)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--port 99999", "port 99999: there is no such port"),
        ("--dataset {}/nowhere", "nowhere is not there"),
        ("--dataset {}", "cannot be read as parquet"),
        ("--dataset {}/{odd}.parquet", "cannot be read as parquet"),
        ("--rollout 127.0.0.1:80", "starts with http://"),
        ("--rollout http://127.0.0.1:9 --model {}/nowhere", "nowhere is no folder"),
    ],
)
def test_the_doctor_goes_on_to_the_end(line: str, told: str, hostile: Path) -> None:
    """What is wrong is one finding among the others."""
    arguments = line.replace("{}", str(hostile)).replace("{odd}", ODD).split()
    done = CliRunner().invoke(app, ["doctor", "--no-judge", "--port", "1", *arguments])
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    finding = next(line for line in done.output.splitlines() if told in line)
    assert finding.startswith("failed ")
    assert " problem" in done.output.splitlines()[-1]

"""The command in a plain shell: no `PYTHONPATH` to CPU support, whatever proxies are set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import swift_deepeyes
from tests.evaluation.files import make_vstar
from tests.evaluation.policy_server import PolicyServer, look

ROOT = Path(swift_deepeyes.__file__).parents[1]
PROGRAM = "from swift_deepeyes.cli.main import main; main()"


def plain_environment(**changes: str) -> dict[str, str]:
    """Only this package on the path: where it is installed, that changes nothing."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DEEPEYES_")}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **changes}


def evaluate(
    server: PolicyServer, tmp_path: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    data = make_vstar(tmp_path / "vstar", 2, pairs=0)
    arguments = ["eval", "vstar", "--data", data, "--out", tmp_path / "out"]
    arguments += ["--base-url", server.url, "--max-pixels", "602112", "--retries", "0"]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env=plain_environment(**environment),
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_it_runs_in_a_plain_shell_whatever_proxy_is_set(tmp_path: Path) -> None:
    away = "socks5h://127.0.0.1:9"
    proxies = {"ALL_PROXY": away, "http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    with PolicyServer(look) as server:
        done = evaluate(server, tmp_path, **proxies)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert (tmp_path / "out" / "report.json").is_file()


def test_the_cpu_environment_starts_with_its_support(tmp_path: Path) -> None:
    """What scripts/environment.sh adds reaches every Python of the environment it is added to."""
    made = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    script = f". scripts/environment.sh; VENV={made}; add_cpu_support"
    subprocess.run(["bash", "-euc", script], cwd=ROOT, check=True)
    look_for_it = (
        "import sys; print([f._before for f in sys.meta_path if type(f).__name__ == 'PatchFinder'])"
    )
    command = [made / "bin" / "python", "-c", look_for_it]
    for path, found in ((str(ROOT), "torchvision"), ("", "[]")):
        environment = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert found in done.stdout
        assert done.stderr == ""

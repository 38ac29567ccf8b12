"""Two ranks, and the judge of one goes away for good: both end, soon, with one error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.toy import Toy, training_steps
from tests.e2e.two_ranks import PER_RANK, judges, on_two_ranks, run_until, settings_of

pytestmark = pytest.mark.e2e


def test_both_ranks_end_when_the_judge_of_one_stays_away(toy: Toy, tmp_path: Path) -> None:
    """That rank has no disk to log to, either, which must not end anything."""
    no_folder = tmp_path / "a file"
    no_folder.write_text("")
    arguments = on_two_ranks(toy.grpo(tmp_path / "grpo", max_steps="6"))
    environment = {
        "DEEPEYES_JUDGE_WAIT": "3",
        "OF_RANK_1_DEEPEYES_LOG_DIR": str(no_folder / "log"),
    }
    with judges() as servers:
        of_rank_1 = servers[1]
        of_rank_1.script.latency = 0.2  # some questions are in flight when it dies
        environment |= settings_of(servers)
        ended = run_until(arguments, tmp_path, environment, of_rank_1, of_rank_1.stop)
    ended.assert_ended_well(rank=1, setting="DEEPEYES_JUDGE_WAIT=3")
    assert "scripts/deploy_judge.sh" in ended.output
    assert ended.output.count("Trajectories are no longer logged to") == 1
    trained = len(training_steps(tmp_path / "grpo"))
    assert 1 <= trained < 6
    assert [line.step for line in ended.log.metrics] == list(range(1, trained + 1))
    # Rank 1's trajectories are in the figures, but could not be written.
    for line in ended.log.metrics:
        assert line.values["deepeyes/trajectories"] == 2 * PER_RANK
        mine = [one for one in ended.log.trajectories if one.step == line.step]
        assert [one.rank for one in mine] == [0] * PER_RANK

"""The two trajectories that a page opens on: a right one that zoomed, beside a wrong one.

Of the same prompt where the log has such a pair, and of the same step; else as near to each other
as there are. Late steps first: what the run has learned shows there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.viewer.prompts import prompt_key
from swift_deepeyes.viewer.sample import group_key

Pair = tuple[LoggedTrajectory, LoggedTrajectory]
Members = Sequence[LoggedTrajectory]

_MOST = 12
"""Pairs to choose from: few enough to look at their images."""


def telling_pairs(items: Members, others: Members | None = None) -> list[Pair]:
    """Pairs of a right one with a crop, of `items`, and a wrong one, of `others`; the best first.

    Others than the first are as good in kind, only earlier in the run; none where there are not
    both. `others` None: the wrong one is of `items` too.
    """
    right = [item for item in items if item.score.accuracy == 1 and item.trajectory.crops > 0]
    wrong = [item for item in others or items if item.score.accuracy == 0]
    if not right or not wrong:
        return []
    return (
        _within(group_key, right, wrong)
        or _within(prompt_key, right, wrong)
        or [_nearest(right, wrong)]
    )


def _within(
    key: Callable[[LoggedTrajectory], Hashable], right: Members, wrong: Members
) -> list[Pair]:
    """One pair of each group that has both, the latest first."""
    wrong_by_key: dict[Hashable, list[LoggedTrajectory]] = defaultdict(list)
    for item in wrong:
        wrong_by_key[key(item)].append(item)
    best: dict[Hashable, LoggedTrajectory] = {}
    for item in sorted(right, key=lambda item: (-item.step, _length(item))):
        if key(item) in wrong_by_key:
            best.setdefault(key(item), item)
    pairs = [
        (item, min(wrong_by_key[of_item], key=lambda other: _distance(item, other)))
        for of_item, item in best.items()
    ]
    # A wrong one that never looked is the clearest contrast.
    guesses = [pair for pair in pairs if _never_looked(pair[1])]
    return (guesses or pairs)[:_MOST]


def _nearest(right: Members, wrong: Members) -> Pair:
    last = max(item.step for item in wrong)
    chosen = min(right, key=lambda item: (abs(item.step - last), _length(item)))
    return chosen, min(wrong, key=lambda item: _distance(chosen, item))


def _distance(right: LoggedTrajectory, wrong: LoggedTrajectory) -> tuple[int, bool, bool, int]:
    """How far a wrong one is from telling what the right one did otherwise; less is better."""
    differs = wrong.source != right.source
    is_vague = not _never_looked(wrong) or wrong.score.answer is None
    return abs(wrong.step - right.step), differs, is_vague, _length(wrong)


def _never_looked(item: LoggedTrajectory) -> bool:
    return item.trajectory.crops == 0 and not list(item.trajectory.calls)


def _length(item: LoggedTrajectory) -> int:
    return sum(len(turn.text) for turn in item.trajectory.turns)

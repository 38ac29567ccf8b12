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


def telling_pair(items: Members, others: Members | None = None) -> Pair | None:
    """Right with a crop, of `items`, and wrong, of `others`; None where there are not both.

    `others` None: the wrong one is of `items` too.
    """
    right = [item for item in items if item.score.accuracy == 1 and item.trajectory.crops > 0]
    wrong = [item for item in others or items if item.score.accuracy == 0]
    if not right or not wrong:
        return None
    return (
        _latest_within(group_key, right, wrong)
        or _latest_within(prompt_key, right, wrong)
        or _nearest(right, wrong)
    )


def _latest_within(
    key: Callable[[LoggedTrajectory], Hashable], right: Members, wrong: Members
) -> Pair | None:
    wrong_by_key: dict[Hashable, list[LoggedTrajectory]] = defaultdict(list)
    for item in wrong:
        wrong_by_key[key(item)].append(item)
    shared = [item for item in right if key(item) in wrong_by_key]
    if not shared:
        return None
    # A wrong one that never looked is the clearest contrast: a late step with one goes first.
    chosen = max(
        shared, key=lambda item: (_has_guess(wrong_by_key[key(item)]), item.step, -_length(item))
    )
    return chosen, min(wrong_by_key[key(chosen)], key=lambda item: _distance(chosen, item))


def _nearest(right: Members, wrong: Members) -> Pair:
    last = max(item.step for item in wrong)
    chosen = min(right, key=lambda item: (abs(item.step - last), _length(item)))
    return chosen, min(wrong, key=lambda item: _distance(chosen, item))


def _distance(right: LoggedTrajectory, wrong: LoggedTrajectory) -> tuple[int, bool, bool, int]:
    """How far a wrong one is from telling what the right one did otherwise; less is better."""
    differs = wrong.source != right.source
    is_vague = wrong.trajectory.crops > 0 or wrong.score.answer is None
    return abs(wrong.step - right.step), differs, is_vague, _length(wrong)


def _has_guess(items: Members) -> bool:
    return any(item.trajectory.crops == 0 for item in items)


def _length(item: LoggedTrajectory) -> int:
    return sum(len(turn.text) for turn in item.trajectory.turns)

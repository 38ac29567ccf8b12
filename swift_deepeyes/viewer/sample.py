"""Which trajectories a page shows where there are too many: whole groups, spread over the steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import zip_longest
from typing import TypeVar

from swift_deepeyes.record.record import LoggedTrajectory

GroupKey = tuple[int, str, str]
KeyT = TypeVar("KeyT", bound=Hashable)
ItemT = TypeVar("ItemT")


def group_key(item: LoggedTrajectory) -> GroupKey:
    """The advantage group; the same prompt comes back in a later epoch as another group."""
    return item.step, item.split, item.group


def sample_groups(items: Sequence[LoggedTrajectory], limit: int) -> list[LoggedTrajectory]:
    """At most `limit` trajectories, always the same ones, in the order they came in.

    Groups stay whole, as half a group explains no advantage; only a first group larger than the
    limit is cut.
    """
    if len(items) <= limit:
        return list(items)
    groups: dict[GroupKey, list[LoggedTrajectory]] = defaultdict(list)
    for item in items:
        groups[group_key(item)].append(item)
    chosen: set[str] = set()
    for key in spread_over_steps((key[0], key) for key in sorted(groups, key=_shuffled)):
        members = groups[key]
        if chosen and len(chosen) + len(members) > limit:
            continue
        chosen.update(item.id for item in members[:limit])
    return [item for item in items if item.id in chosen]


def spread_over_steps(items: Iterable[tuple[KeyT, ItemT]]) -> Iterator[ItemT]:
    """One item of every step, then the second of every step, and so on."""
    by_step: dict[KeyT, list[ItemT]] = defaultdict(list)
    for step, item in items:
        by_step[step].append(item)
    columns = ([(item,) for item in of_step] for of_step in by_step.values())
    for row in zip_longest(*columns):
        for cell in row:
            if cell is not None:
                yield cell[0]


def _shuffled(key: GroupKey) -> bytes:
    return blake2b(repr(key).encode("utf-8", "replace"), digest_size=8).digest()

"""A log directory that is watched: looked at again and again."""

from __future__ import annotations

from pathlib import Path

from swift_deepeyes.record.follower import LogFollower
from swift_deepeyes.record.reader import LogError
from swift_deepeyes.record.record import METRICS_FILE, TRAJECTORIES_FOLDER
from swift_deepeyes.watching.state import RunState, RunView


class WatchedRun:
    """What is known of the run in a log directory; `look` brings it up to date."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._follower = LogFollower(path)
        self._state = RunState()

    def look(self) -> list[str]:
        """Read what is new; returns a line for each new step and alarm.

        Raises `LogError` where there is no such directory.
        """
        return self._state.take(self._follower.look())

    def view(self) -> RunView:
        """The run as it is known now."""
        return self._state.view()

    @property
    def is_partial(self) -> bool:
        """Whether the log held more trajectories than were read."""
        return self._follower.is_partial

    def require_something(self) -> None:
        """Raise `LogError` where there is nothing to show, with what was looked for and where."""
        view = self.view()
        if not view.is_empty:
            return
        if unreadable := view.skipped.unreadable:
            raise LogError(f"None of the lines in {self._path} can be read ({unreadable:,} tried)")
        raise LogError(
            f"There is no log in {self._path}: no line in {TRAJECTORIES_FOLDER}/*.jsonl or "
            f"{METRICS_FILE}. {self._hint()}"
        )

    @property
    def waits_for(self) -> str:
        """One line for an empty directory: what should come."""
        return (
            f"Waiting for the first step: no line in {self._path}/{TRAJECTORIES_FOLDER}/*.jsonl "
            f"yet. {self._hint()}"
        )

    def _hint(self) -> str:
        found = sorted(self._path.glob(f"*/{TRAJECTORIES_FOLDER}"))
        if found:
            return f"There is one in {found[0].parent}"
        return "Training writes one where DEEPEYES_LOG_DIR is set"

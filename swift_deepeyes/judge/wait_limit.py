"""How long a judge that is not there is waited for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WaitLimit:
    """How long a judge that is not there is waited for, and how that is said.

    `is_start`: it was never there.
    """

    seconds: float
    is_start: bool = False

    def waiting(self, waited: float) -> str:
        """The line of a wait that has lasted for `waited` seconds."""
        limit = f"waiting up to {self.seconds:.0f} s ({self._setting})"
        if self.is_start:
            return f"The judge was not reached yet, {limit}."
        return f"The judge is away for {waited:.0f} s, {limit}."

    def over(self, waited: float) -> str:
        """The reason to stop after `waited` seconds."""
        how_long = f"{waited:.0f} s ({self._setting}={self.seconds:g})"
        if self.is_start:
            return (
                f"No judge was reached within {how_long}; a larger number waits for one that is "
                "still starting."
            )
        return f"The judge was away for {how_long}, so the run stops rather than reward by guesses."

    @property
    def _setting(self) -> str:
        return "DEEPEYES_JUDGE_START_WAIT" if self.is_start else "DEEPEYES_JUDGE_WAIT"

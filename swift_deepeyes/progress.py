"""How far a long work is: what rooms report. `cli/progress` shows it on a terminal."""

from __future__ import annotations


class Progress:
    """Hears how far the work is, stage by stage. This one is silent; a subclass shows `update`."""

    stage = ""
    done = total = 0

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        """A stage begins: it has `total` steps, `done` of them by an earlier run."""
        self.stage, self.total, self.done = stage, total, done
        self.update("")

    def advance(self, steps: int) -> None:
        """So many more steps of the stage are done."""
        self.reach(self.done + steps)

    def reach(self, done: int, note: str = "") -> None:
        """So many steps of the stage are done; `note`: a figure of interest."""
        self.done = done
        self.update(note)

    def update(self, note: str) -> None:
        """Show `stage`, `done` and `total`; called at every change."""

    def say(self, text: str) -> None:
        """A line about what is waited for or begins now; nobody hears it here."""

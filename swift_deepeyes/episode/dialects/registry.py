"""Which dialects there are, and which of them an episode reads.

Decided by what the model's template teaches and by what its prompt shows. Models fall back to the
form that they were trained on, whatever the prompt says: so both forms of a family are read, and an
error shows the one that the prompt taught.
"""

from __future__ import annotations

from dataclasses import dataclass

from swift_deepeyes.episode.calls import MalformedCall, ToolCall
from swift_deepeyes.episode.dialects.dialect import CallReader, Dialect
from swift_deepeyes.episode.dialects.hermes import Hermes
from swift_deepeyes.episode.dialects.qwen3_coder import Qwen3Coder

READERS: dict[Dialect, CallReader] = {reader.dialect: reader for reader in (Qwen3Coder(), Hermes())}


@dataclass(frozen=True, slots=True)
class Dialects:
    """The forms that an episode reads: `taught`, which its errors show, and others."""

    taught: Dialect = Dialect.HERMES
    others: frozenset[Dialect] = frozenset()

    def reads(self, dialect: Dialect) -> bool:
        """Whether calls of that form are read."""
        return dialect is self.taught or dialect in self.others

    def read(self, body: str) -> ToolCall | MalformedCall:
        """Read what stands between a call's tags, in whichever of the forms it is meant to be."""
        for dialect, reader in READERS.items():
            if self.reads(dialect) and reader.claims(body):
                return reader.read(body)
        return READERS[self.taught].read(body)

    @property
    def marks(self) -> tuple[str, ...]:
        """What tells of a call without its tags."""
        readers = (reader for dialect, reader in READERS.items() if self.reads(dialect))
        return tuple(reader.mark for reader in readers if reader.mark is not None)


def dialects_of(agent_template: str | None, prompt: str) -> Dialects:
    """The dialects of an episode.

    `agent_template`: of the model's template, by ms-swift's name; None, or one that nobody reads,
    counts as hermes. `prompt`: all that the model reads before its first turn. Where it shows
    several forms, or none, the template's own is the one that errors show.
    """
    own = known_dialect(agent_template) or Dialect.HERMES
    shown = [dialect for dialect, reader in READERS.items() if reader.is_shown(prompt)]
    taught = own if own in shown or not shown else shown[0]
    return Dialects(taught, frozenset({own, *READERS[own].family, *shown} - {taught}))


def known_dialect(agent_template: str | None) -> Dialect | None:
    """The dialect that an agent template teaches; None: one that is not read."""
    named = (d for d, reader in READERS.items() if agent_template in reader.agent_templates)
    return next(named, None)


def is_call(body: str) -> bool:
    """Whether a call's tags hold a well-formed call of any dialect."""
    return any(
        reader.claims(body) and isinstance(reader.read(body), ToolCall)
        for reader in READERS.values()
    )

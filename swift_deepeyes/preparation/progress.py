"""How far the work is; kept here for the rest of this room."""

from __future__ import annotations

from swift_deepeyes.progress import Progress

__all__ = ["Progress"]

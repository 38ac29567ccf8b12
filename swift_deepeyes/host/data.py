"""Where `register_rows` was first: now `swift_deepeyes.ms_swift.rows`."""

from __future__ import annotations

from swift_deepeyes.ms_swift.rows import DeepEyesRows, register_rows

__all__ = ["DeepEyesRows", "register_rows"]

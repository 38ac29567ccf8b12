"""Judging by rules alone: as judge of its own, as fallback, and for what needs no judge.

False positives are worse here than false negatives: what is not plainly the same is wrong.
"""

from swift_deepeyes.judge.rules.decision import decide

__all__ = ["decide"]

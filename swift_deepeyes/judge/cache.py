"""Verdicts that servers gave, kept across batches: plain data, bounded, oldest use leaves first."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

from swift_deepeyes.judge.request import PROMPT_VERSION
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Verdict


class VerdictCache:
    """An LRU of at most `size` verdicts; a size of 0 keeps none."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._verdicts: OrderedDict[bytes, Verdict] = OrderedDict()

    def __len__(self) -> int:
        return len(self._verdicts)

    def get(self, model: str, question: JudgeQuestion) -> Verdict | None:
        """The verdict of an earlier batch, marked as cached."""
        key = _key(model, question)
        verdict = self._verdicts.get(key)
        if verdict is None:
            return None
        self._verdicts.move_to_end(key)
        return verdict.model_copy(update={"decided_by": Decider.CACHE})

    def put(self, model: str, question: JudgeQuestion, verdict: Verdict) -> None:
        """Keep a server's verdict. Fallbacks are refused: they must be asked again."""
        if verdict.decided_by is not Decider.SERVER or self._size == 0:
            return
        self._verdicts[_key(model, question)] = verdict
        while len(self._verdicts) > self._size:
            self._verdicts.popitem(last=False)


def _key(model: str, question: JudgeQuestion) -> bytes:
    parts = (
        model,
        PROMPT_VERSION,
        question.kind,
        question.question,
        question.reference,
        question.answer,
        *question.alternatives,
    )
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()

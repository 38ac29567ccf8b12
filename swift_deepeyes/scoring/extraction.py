"""What is extracted from a trajectory: the answer to judge, and which format checks fired.

`strict` and `official` each turn a transcript into one `Extraction`; weights and judging are
`score`'s business. An extraction needs no judge, no reward and no ms-swift.
"""

from __future__ import annotations

from swift_deepeyes.frozen import FrozenModel

ANSWER_LIMIT_CHARACTERS = 1000
"""From this length on an answer is an attempt to talk the judge over, not an answer."""


class Extraction(FrozenModel):
    """What a judge needs and what the reward's terms need.

    `answer` is the extracted text, None where there is none; `is_judged` is False where the checks
    alone settle that accuracy is 0; `errors` are the names of the format checks that fired; `crops`
    is what counts for the tool score.
    """

    answer: str | None
    is_judged: bool
    errors: tuple[str, ...] = ()
    crops: int = 0

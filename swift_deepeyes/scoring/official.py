r"""The official scoring rules to the letter, loopholes included, for comparable numbers.

Source: Visual-Agent/DeepEyes, `verl/utils/reward_score/vl_agent.py` (`compute_score` and
`compute_score_math`), `verl/workers/reward_manager/naive.py` (what string is scored: the response
with special tokens) and `verl/workers/agent/` (how turns and observations are joined). Loopholes
that are kept: a text without `<answer>` goes to the judge whole; image tokens that the model writes
itself count as a crop; a tool response's own instruction can close or answer for the model; a
`\boxed{` is cut at its first closing brace. The math function has no length limit, nor has this.
"""

from __future__ import annotations

from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.episode.thoughts import THINK_OPEN
from swift_deepeyes.scoring.answers import BOXED_OPENING
from swift_deepeyes.scoring.extraction import ANSWER_LIMIT_CHARACTERS, Extraction
from swift_deepeyes.scoring.format_check import UNBALANCED_IMAGE_TOKENS
from swift_deepeyes.scoring.scheme import ScoringScheme
from swift_deepeyes.scoring.strict import (
    broken_answer,
    missing_boxed,
    overlong_answer,
    several_boxed,
    unbalanced_think,
)
from swift_deepeyes.scoring.transcript import Exchange, Transcript

_IMAGE_START = "<|vision_start|><|image_pad|>"
_IMAGE_END = "<|image_pad|><|vision_end|>"
# A real crop has one pad per token; only the two ends are ever counted, so one stands for all.
_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
_END = "<|im_end|>"


def extract_officially(transcript: Transcript, scheme: ScoringScheme) -> Extraction:
    """Apply the official rules of `scheme` to the string that the official code would score."""
    text = official_text(transcript)
    return _extract_math(text) if scheme is ScoringScheme.MATH else _extract_visual(text)


def official_text(transcript: Transcript) -> str:
    """Everything after the prompt, as the official tokenizer decodes it.

    An observation after the last turn is left out: the official loop never ends on one. Turns that
    are known as token ids only count as empty. A thought that the prompt opened begins with the
    prompt's tag, which the official code, made for models without, would miss in every turn.
    """
    opens = transcript.prompt_opens_thought is True
    exchanges = transcript.exchanges
    images_left = transcript.crops
    pieces: list[str] = []
    for exchange in exchanges[:-1]:
        observation, images_left = _with_images(exchange, images_left)
        pieces.append(_ended(_opened(exchange.text or "", opens)))
        pieces.append(f"\n<|im_start|>user\n{observation}{_END}\n<|im_start|>assistant\n")
    last = _opened(exchanges[-1].text or "", opens) if exchanges else ""
    pieces.append(last if transcript.is_truncated else _ended(last))
    return "".join(pieces)


def _with_images(exchange: Exchange, images_left: int) -> tuple[str, int]:
    """The observation with its tags as image tokens, as many as there are images."""
    observation = exchange.observation or ""
    count = min(observation.count(IMAGE_TAG), images_left)
    return observation.replace(IMAGE_TAG, _IMAGE, count), images_left - count


def _opened(text: str, opens_thought: bool) -> str:
    """With the prompt's `<think>`, which ms-swift puts back by itself."""
    is_missing = opens_thought and not text.lstrip().startswith(THINK_OPEN)
    return f"{THINK_OPEN}\n{text}" if is_missing else text


def _ended(text: str) -> str:
    return text if text.endswith(_END) else text + _END


def _extract_visual(text: str) -> Extraction:
    errors = _think_errors(text)
    crops = text.count(_IMAGE_START)
    if crops != text.count(_IMAGE_END):
        errors.append(UNBALANCED_IMAGE_TOKENS)
    conclusion = _after_last_thought(text)
    if conclusion.count("<answer>") != conclusion.count("</answer>"):
        errors.append(broken_answer.name)
    answer = text.rpartition("<answer>")[2].partition("</answer>")[0].strip()
    is_overlong = len(answer) >= ANSWER_LIMIT_CHARACTERS
    if is_overlong:
        errors.append(overlong_answer.name)
    # The official code asks its judge about an overlong answer too and then sets accuracy to 0.
    return Extraction(answer=answer, is_judged=not is_overlong, errors=tuple(errors), crops=crops)


def _extract_math(text: str) -> Extraction:
    errors = _think_errors(text)
    boxed = _cut_boxed(_after_last_thought(text))
    if not boxed:
        errors.append(missing_boxed.name)
    if len(boxed) > 1:
        errors.append(several_boxed.name)
    answer = boxed[-1] if boxed else None
    crops = text.count(_IMAGE_START)
    return Extraction(
        answer=answer, is_judged=answer is not None, errors=tuple(errors), crops=crops
    )


def _think_errors(text: str) -> list[str]:
    if text.count("<think>") != text.count("</think>"):
        return [unbalanced_think.name]
    return []


def _after_last_thought(text: str) -> str:
    return text.rpartition("</think>")[2].strip()


def _cut_boxed(text: str) -> list[str]:
    r"""Contents of `\boxed{` up to the first closing brace, what the official regex finds.

    Without the regex, which needs quadratic time on a text of nothing but openings.
    """
    boxed: list[str] = []
    position = text.find(BOXED_OPENING)
    while position >= 0:
        start = position + len(BOXED_OPENING)
        end = text.find("}", start)
        if end < 0:
            break
        if end > start:
            boxed.append(text[start:end])
        position = text.find(BOXED_OPENING, end if end > start else start)
    return boxed

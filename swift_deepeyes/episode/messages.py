"""The words of the data format: the turn instruction and the frame of an observation."""

from __future__ import annotations

from collections.abc import Sequence

RESPONSE_OPEN, RESPONSE_CLOSE = "<tool_response>", "</tool_response>"

TURN_INSTRUCTION = (
    "\nThink first, call **image_zoom_in_tool** if needed, then answer. Format strictly as:  "
    "<think>...</think>  <tool_call>...</tool_call> (if tools needed)  <answer>...</answer> "
)
"""What every user turn of the published data ends with, spaces included (field notes §3)."""

_INSTRUCTION_START = "\nThink first, call **"

_NO_TOOLBOX = frozenset({"", "none", "null", "nan"})


def turn_instruction(user_text: str) -> str:
    """The row's own instruction, found at the end of its last user message, else the default."""
    start = user_text.rfind(_INSTRUCTION_START)
    return TURN_INSTRUCTION if start < 0 else user_text[start:]


def names_no_toolbox(env_name: str) -> bool:
    """Whether a row's `env_name` says that it has no tool, in one of the ways that files do."""
    return env_name.strip().lower() in _NO_TOOLBOX


def observation_message(parts: Sequence[str], instruction: str) -> str:
    """One user message with a `<tool_response>` for each part; the instruction closes the last."""
    closed = [f"{RESPONSE_OPEN}{part}{RESPONSE_CLOSE}" for part in parts[:-1]]
    closed.append(f"{RESPONSE_OPEN}{parts[-1]}{instruction}{RESPONSE_CLOSE}")
    return "\n".join(closed)

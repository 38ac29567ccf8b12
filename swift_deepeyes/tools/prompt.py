"""The words that announce tools to a model: a system prompt, and the end of a question.

A model trained on the published data knows that data's system prompt to the letter. It is not
repeated here: `read_system_prompt` takes it from the training file itself. Ours has the same
structure and announces the same tool. The turn instruction is the data format's own.
"""

from __future__ import annotations

import json
from pathlib import Path
from string import Template

from swift_deepeyes.dataset.tables import read_parquet
from swift_deepeyes.episode.messages import TURN_INSTRUCTION
from swift_deepeyes.episode.tool import Toolbox
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.tools.toolboxes import OFFICIAL_TOOLBOX, all_toolboxes

ZOOM = "image_zoom_in_tool"
PLAIN_SYSTEM_PROMPT = "You are a helpful assistant."
PLAIN_INSTRUCTION = (
    "\nThink first, then answer. Format strictly as:  <think>...</think>  <answer>...</answer> "
)

_TOOL_SYSTEM_PROMPT = Template("""\
You are a helpful assistant.

# Tools
You may call a function to $purpose. The functions are described inside <tools></tools>:
<tools>
$tools
</tools>

# How to call
Write one JSON object with the function's name and arguments inside <tool_call></tool_call>, \
for example:
<tool_call>
$example
</tool_call>""")
_ZOOM_PURPOSE = "look at a part of an image again, larger"
_ZOOM_EXAMPLE = {"bbox_2d": [10, 20, 100, 200], "label": "the apple on the desk"}


class SystemPromptError(DeepEyesError):
    """There is no system prompt in the file; the message says why."""


def tool_system_prompt(toolbox: Toolbox | None = None) -> str:
    """Our system prompt that announces a toolbox; of the official one, as published, the zoom."""
    if toolbox is None or toolbox.name == OFFICIAL_TOOLBOX:
        tools = [all_toolboxes()[OFFICIAL_TOOLBOX].tools[ZOOM]]
        example = json.dumps({"name": ZOOM, "arguments": _ZOOM_EXAMPLE})
        purpose = _ZOOM_PURPOSE
    else:
        tools = list(toolbox.tools.values())
        example, purpose = tools[0].example_call(), "help you answer"
    schemas = "\n".join(json.dumps(tool.schema()) for tool in tools)
    return _TOOL_SYSTEM_PROMPT.substitute(tools=schemas, example=example, purpose=purpose)


def tool_instruction(toolbox: Toolbox | None = None) -> str:
    """What a question ends with; it names the tools, of the official toolbox the zoom."""
    if toolbox is None or toolbox.name == OFFICIAL_TOOLBOX:
        return TURN_INSTRUCTION
    names = " or ".join(f"**{name}**" for name in toolbox.tools)
    return TURN_INSTRUCTION.replace(f"**{ZOOM}**", names)


def read_system_prompt(path: Path) -> str:
    """A system prompt from a text file, or that of the first row of a training parquet.

    Raises `SystemPromptError`, and OSError where there is no such file.
    """
    if path.suffix != ".parquet":
        try:
            return path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise SystemPromptError(f"--system-prompt {path} is not UTF-8 text: {error}") from None
    row = next(read_parquet(path), None)
    prompt = (row or {}).get("prompt")
    messages = prompt if isinstance(prompt, list) else []
    of_system = (m for m in messages if isinstance(m, dict) and m.get("role") == "system")
    system = next((message.get("content") for message in of_system), None)
    if not isinstance(system, str):
        raise SystemPromptError(f"{path}: its first row has no system prompt")
    return system

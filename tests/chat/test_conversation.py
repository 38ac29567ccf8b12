"""An episode against any client that gives turns: what a server endpoint will drive."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from swift_deepeyes.chat.conversation import ChatPrompt, ChatTrajectory, Messages, converse
from swift_deepeyes.episode.boxes import Frame, Size
from swift_deepeyes.episode.start import EpisodeStarter, Host
from swift_deepeyes.episode.trajectory import StopReason
from swift_deepeyes.episode.view import UnreadableImageError
from swift_deepeyes.record.record import PromptMessage
from swift_deepeyes.tools import OFFICIAL_TOOLBOX, toolbox_of_row
from tests.episode.helpers import RECIPE, SETTINGS, call, load, png

ZOOM, ANSWER = call(bbox_2d=[10, 10, 110, 110]), "<answer>red</answer>"


@dataclass(frozen=True)
class Turn:
    text: str
    truncated: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass
class Scripted:
    """A client that says what a test wrote, and notes what it was asked."""

    turns: list[Turn]
    asked: list[tuple[int, int, int]] = field(default_factory=list)
    messages: Messages = field(default_factory=list)

    async def complete(self, messages: Messages, *, max_tokens: int, turn: int) -> Turn:
        self.messages = messages
        self.asked.append((turn, max_tokens, len(messages)))
        return self.turns[turn]


def hold(
    client: Scripted, image: str = "", text: str = "What color?", **limits: Any
) -> ChatTrajectory:
    host = Host(RECIPE, Frame.PIXEL, load, len, **{"max_turns": 6, **limits})
    messages = (PromptMessage(role="user", text=f"<image>{text}"),)
    toolbox = toolbox_of_row(OFFICIAL_TOOLBOX, "")
    prompt = ChatPrompt(messages, (image or png(),), toolbox, max_tokens=500)
    with ThreadPoolExecutor(1) as threads:
        return asyncio.run(converse(client, EpisodeStarter(SETTINGS), host, prompt, threads))


def test_turns_crops_and_messages() -> None:
    client = Scripted([Turn(ZOOM, completion_tokens=30), Turn(ANSWER)])
    played = hold(client)
    assert played.trajectory.stop_reason is StopReason.ANSWERED
    assert load(played.crops[0]).size == (100, 100)
    assert played.turn_tokens == (30, len(ANSWER))
    assert client.asked == [(0, 500, 1), (1, 500, 3)]
    kinds = [part["type"] for part in client.messages[2]["content"]]
    assert kinds == ["text", "image_url", "text"]


def test_what_the_server_counted_bounds_the_next_turn() -> None:
    """100 tokens before, 30 written; the observation's text, its image tokens, a margin."""
    client = Scripted([Turn(ZOOM, prompt_tokens=100, completion_tokens=30), Turn(ANSWER)])
    played = hold(client, max_context=800)
    observation = played.trajectory.turns[0].observation
    assert observation is not None
    seen = RECIPE.tokens(Size(*load(played.crops[0]).size))
    assert client.asked[1][1] == 800 - (100 + 30 + len(observation) + seen + 8)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_turns": 1}, StopReason.MAX_TURNS),
        ({"max_images": 1}, StopReason.IMAGE_LIMIT),
        ({"max_context": 300}, StopReason.CONTEXT_FULL),
    ],
)
def test_the_hosts_limits_end_it(limits: dict[str, int], reason: StopReason) -> None:
    client = Scripted([Turn(ZOOM)])
    assert hold(client, **limits).trajectory.stop_reason is reason
    assert len(client.asked) == 1


def test_an_image_of_the_prompt_that_cannot_be_opened() -> None:
    with pytest.raises(UnreadableImageError):
        hold(Scripted([]), image="no image")


@pytest.mark.parametrize(
    ("agent_template", "text", "status", "form"),
    [
        ("qwen3_5", "What color?", "ok", "<function=image_zoom_in_tool>"),
        ("qwen3_5", f"Zoom like {ZOOM}.", "ok", '{"name": "image_zoom_in_tool"'),
        (None, "What color?", "malformed_call", '{"name": "image_zoom_in_tool"'),
        (None, "Zoom like <tool_call><function=a>", "ok", "<function=image_zoom_in_tool>"),
    ],
)
def test_the_servers_model_and_the_prompt_say_how_calls_are_written(
    agent_template: str | None, text: str, status: str, form: str
) -> None:
    box = "<parameter=bbox_2d>\n[10, 10, 110, 110]\n</parameter>"
    in_tags = f"<tool_call>\n<function=image_zoom_in_tool>\n{box}\n</function>\n</tool_call>"
    turns = [in_tags, in_tags.replace("zoom_in", "no"), ANSWER]
    client = Scripted([Turn(f"I look.\n</think>\n\n{turn}") for turn in turns])
    played = hold(client, text=text, agent_template=agent_template)
    first, second = list(played.trajectory.calls)
    assert first.status == status and second.status != "ok"
    assert form in (played.trajectory.turns[1].observation or "")
    # Thoughts go back as they were written: what to keep of them is the template's matter.
    assert client.messages[1]["content"].startswith("I look.\n</think>")

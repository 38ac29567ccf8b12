"""The names of the data's columns, and the keys of those that are structs."""

from __future__ import annotations

MESSAGES = "messages"
PROMPT = "prompt"
CONVERSATIONS = (MESSAGES, PROMPT, "conversations", "conversation")
"""A row's conversation is in the first of these that is there."""

IMAGES = "images"
IMAGE_COLUMNS = (IMAGES, "image")

DATA_SOURCE = "data_source"
ABILITY = "ability"
ENV_NAME = "env_name"
TEXT_COLUMNS = (DATA_SOURCE, ABILITY, ENV_NAME)

REWARD_MODEL = "reward_model"
EXTRA_INFO = "extra_info"
ALTERNATIVES = "alternatives"  # of `reward_model`: further references
STRUCT_KEYS = {
    REWARD_MODEL: ("style", "ground_truth", ALTERNATIVES),
    EXTRA_INFO: ("split", "index", "answer", "question"),
}
"""The keys that every row has once it is read or prepared."""

SOLUTION = "solution"  # ms-swift's own column of references
TOOLS = "tools"

TO_MESSAGES = {PROMPT: MESSAGES}
"""ms-swift's `columns` of a dataset's entry: the published name, and the one that it reads."""

# shellcheck shell=bash
# Sourced by every GPU script: the settings that judge, rollout server and trainer must share.
# shellcheck disable=SC2034  # used by the scripts that source this file

. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

# Absolute, because a checkpoint keeps the path and later commands load it from there.
PLUGIN="$ROOT/swift_deepeyes/plugin/deepeyes_plugin.py"

: "${MODEL:=Qwen/Qwen2.5-VL-7B-Instruct}" # a folder, or a name on the hub

# The same on both sides, or the trainer trains on other pixels than were generated from; nothing in
# ms-swift checks that. The paper has no such cap but drops prompts over 8192 tokens; this keeps
# large charts and five images within memory.
: "${MAX_PIXELS:=2007040}"     # the largest image the model sees: here 2560 tokens
: "${DEEPEYES_MAX_IMAGES:=32}" # images of a trajectory: the engine's limit and the episode's, as the paper
: "${MAX_TURNS:=5}"            # turns of a trajectory, as the paper for 7B

# As the paper. The episode ends by itself before the context is full.
: "${MAX_PROMPT_TOKENS:=8192}"    # tokens of a prompt, images included; longer ones are replaced
: "${MAX_RESPONSE_TOKENS:=20480}" # tokens of everything after the prompt
: "${MAX_TURN_TOKENS:=10240}"     # tokens of one turn of the model
MAX_CONTEXT_TOKENS=$((MAX_PROMPT_TOKENS + MAX_RESPONSE_TOKENS))

# Away from 8000, where ms-swift puts every server.
: "${JUDGE_PORT:=18901}"   # of every judge; the papers' port
: "${ROLLOUT_PORT:=18902}" # of every rollout server

export_settings MAX_PIXELS DEEPEYES_MAX_IMAGES

IMAGE_LIMIT="{\"image\": $DEEPEYES_MAX_IMAGES, \"video\": 0}"

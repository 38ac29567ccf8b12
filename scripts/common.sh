# shellcheck shell=bash
# Sourced by every GPU script: the settings that judge, rollout server and trainer must share. Every
# one can be set from outside:
#   MAX_PIXELS=1003520 bash scripts/rollout.sh
# shellcheck disable=SC2034  # used by the scripts that source this file

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# Absolute, because a checkpoint keeps the path and later commands load it from there.
PLUGIN="$ROOT/swift_deepeyes/plugin/deepeyes_plugin.py"

: "${MODEL:=Qwen/Qwen2.5-VL-7B-Instruct}"

# The largest image the model sees: 2560 tokens. The same on both sides, or the trainer trains on
# other pixels than were generated from; nothing in ms-swift checks that. The paper has no such cap
# but drops prompts over 8192 tokens; this keeps large charts and five images within memory.
: "${MAX_PIXELS:=2007040}"
: "${DEEPEYES_MAX_IMAGES:=32}" # per trajectory: the engine's limit and the episode's, as the paper
: "${MAX_TURNS:=5}"            # as the paper for 7B

# Tokens, as the paper: the prompt, everything after it, one turn of the model. The episode ends by
# itself before the context is full.
: "${MAX_PROMPT_TOKENS:=8192}"
: "${MAX_RESPONSE_TOKENS:=20480}"
: "${MAX_TURN_TOKENS:=10240}"
MAX_CONTEXT_TOKENS=$((MAX_PROMPT_TOKENS + MAX_RESPONSE_TOKENS))

# Fixed ports, away from 8000, where ms-swift puts every server. The judge's is the papers'.
: "${JUDGE_PORT:=18901}"
: "${ROLLOUT_PORT:=18902}"

export MAX_PIXELS DEEPEYES_MAX_IMAGES

IMAGE_LIMIT="{\"image\": $DEEPEYES_MAX_IMAGES, \"video\": 0}"

die() {
    echo "error: $*" >&2
    exit 1
}

# The command $1, from the environment of scripts/environment.sh where no other one is active.
require_command() {
    if ! command -v "$1" >/dev/null && [ -f "$ROOT/.venv/bin/activate" ]; then
        # shellcheck source=/dev/null
        . "$ROOT/.venv/bin/activate"
    fi
    command -v "$1" >/dev/null || die "the command $1 is missing: pip install -e '${ROOT}[gpu]'"
}

# A comma-separated list of the first $1 devices.
first_devices() { seq -s, 0 $(($1 - 1)); }

# ms-swift takes the next free port, silently, when one is busy; then the judge's address may answer
# with the rollout server. The port is tried as ms-swift tries it.
require_free_port() {
    python -c 'import socket, sys; socket.socket().bind(("", int(sys.argv[1])))' "$1" 2>/dev/null ||
        die "port $1 is busy; stop what listens there, or set $2"
}

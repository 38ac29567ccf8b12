# shellcheck shell=bash
# Sourced by every script that starts a server or a trainer: what must be there before.

ROOT="$(dirname "$SCRIPTS")"

# The command $1, from the environment of scripts/environment.sh where no other one is active.
require_command() {
    ! "$IS_DRY_RUN" || return 0
    if ! command -v "$1" >/dev/null && [ -f "$ROOT/.venv/bin/activate" ]; then
        # shellcheck source=/dev/null
        . "$ROOT/.venv/bin/activate"
    fi
    command -v "$1" >/dev/null || die "the command $1 is missing: pip install -e '${ROOT}[gpu]' -c '$ROOT/scripts/constraints-gpu.txt'"
}

# A comma-separated list of the first $1 devices.
first_devices() { seq -s, 0 $(($1 - 1)); }

# ms-swift takes the next free port, silently, when one is busy; then the judge's address may answer
# with the rollout server. The port is tried as ms-swift tries it.
require_free_port() {
    ! "$IS_DRY_RUN" || return 0
    python -c 'import socket, sys; socket.socket().bind(("", int(sys.argv[1])))' "$1" 2>/dev/null ||
        die "port $1 is busy; stop what listens there, or set $2"
}

# shellcheck shell=bash
# Sourced by the files in runs/: starts the script of a role, with the run's settings.

# start ROLE NAME=SCRIPT...: the script of the role that was asked for.
start() {
    local role="$1" scripts pair
    scripts="$(dirname "${BASH_SOURCE[0]}")"
    shift
    : "${OUTPUT:=$scripts/../output/$(basename "$0" .sh)}"
    export OUTPUT
    for pair in "$@"; do
        [ "${pair%%=*}" != "$role" ] || exec bash "$scripts/${pair#*=}"
    done
    echo "usage: bash $0 ROLE, where ROLE is one of: ${*%%=*}" >&2
    exit 1
}

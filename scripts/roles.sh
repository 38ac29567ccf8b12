# shellcheck shell=bash
# Sourced by the files in runs/: starts the script of a role, with the run's settings.

# start ROLE=SCRIPT... -- WORD...: the script of the role that the first word names; it gets the rest.
start() {
    local roles=() scripts role pair
    scripts="$(dirname "${BASH_SOURCE[0]}")"
    while [ "$1" != -- ]; do
        roles+=("$1")
        shift
    done
    role="${2:-}"
    shift $(($# > 1 ? 2 : 1))
    : "${OUTPUT:=$(cd "$scripts/.." && pwd)/output/$(basename "$0" .sh)}"
    export OUTPUT
    for pair in "${roles[@]}"; do
        [ "${pair%%=*}" != "$role" ] || exec bash "$scripts/${pair#*=}" "$@"
    done
    if [[ $role == --help || $role == -h ]]; then
        sed -nE '2,${/^#/!q; s/^# ?//p;}' "$0"
        printf '\nbash %s ROLE --help prints the settings of a role, with the values of this run.\n' "$0"
    fi
    echo "usage: bash $0 ROLE, where ROLE is one of: ${roles[*]%%=*}" >&2
    [[ $role == --help || $role == -h ]] || exit 1
}

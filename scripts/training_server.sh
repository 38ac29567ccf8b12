# shellcheck shell=bash
# Sourced by the trainers' scripts that can have rollout servers: generation by rollout.sh.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${ROLLOUT_HOST:=127.0.0.1}" # the rollout server's address, or several, separated by spaces, all on ROLLOUT_PORT
: "${ROLLOUT_WAIT:=1800}" # seconds until that server must be up; it may have to fetch the model first

# Sets ROLLOUT_ARGUMENTS.
set_server_arguments() {
    local hosts ports=()
    read -ra hosts <<<"$ROLLOUT_HOST"
    # shellcheck disable=SC2153  # ROLLOUT_PORT is set in common.sh
    for _ in "${hosts[@]}"; do ports+=("$ROLLOUT_PORT"); done
    # Scheduler and turns are the server's. The row's columns reach it only when told so.
    ROLLOUT_ARGUMENTS=(
        --use_vllm true
        --vllm_mode server
        --vllm_server_host "${hosts[@]}"
        --vllm_server_port "${ports[@]}"
        --vllm_server_timeout "$ROLLOUT_WAIT"
        --vllm_server_pass_dataset true
    )
}

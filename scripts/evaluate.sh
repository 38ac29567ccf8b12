#!/usr/bin/env bash
# Before and after: the base model and a checkpoint, each served by vLLM and asked the same benchmarks.
#
#   bash scripts/evaluate.sh output/3b_lora_1_gpu/v0-20261128-120000/checkpoint-80
#   bash scripts/evaluate.sh output/…/checkpoint-80 --limit 50              # further options of `swift-deepeyes eval`
#   BASE_MODEL=none BENCHMARKS="vstar=/data/vstar_bench" bash scripts/evaluate.sh output/…/checkpoint-80
#
# Hardware: one GPU of 24 GB for 3B, of 40 GB for 7B; 4 of 80 GB for 32B (EVAL_TENSOR_PARALLEL=4). The
# model and the pixels are the training's. Adapters of LoRA are merged first, into CHECKPOINT-merged.
# The servers listen on this machine only, one after the other, and end with this script, also on
# Ctrl-C. The same command again continues; what is finished is not asked again. Reports, trajectories
# (`swift-deepeyes view`) and the servers' logs are in EVAL_OUTPUT.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

: "${BENCHMARKS:=vstar=vstar_bench hrbench-4k=HR-Bench hrbench-8k=HR-Bench mme-realworld-lite=MME-RealWorld-Lite pope=POPE}" # NAME=PATH, several; by default those that are in this folder, in the repository's or in its data/
: "${BASE_MODEL:=}" # the model before; empty: the one that was trained; none: the checkpoint alone
: "${TOOL:=both}" # both: with the zoom tool and without it; on or off
: "${SYSTEM_PROMPT:=$ROOT/data/data_0.1.2_visual_toolbox_v2.parquet}" # text, or a training file whose first row has it; not there: one that announces the tool
: "${MAX_PIXELS:=}" # the largest image the model sees; empty: as in training
: "${THINKING:=}" # on or off: whether turns begin inside a thought; empty: as in training
: "${DEEPEYES_PROMPT:=}" # whose words tell of the tool: published, corrected or family; empty: as in training
: "${MAX_CONTEXT_TOKENS:=28672}" # tokens of a conversation
: "${DEEPEYES_MAX_IMAGES:=32}" # images of a conversation
: "${EVAL_OUTPUT:=}" # folder of the reports; empty: evaluation, beside the checkpoint
: "${EVAL_PORT:=18903}" # of the servers
: "${EVAL_TENSOR_PARALLEL:=1}" # GPUs of one engine
: "${EVAL_DATA_PARALLEL:=1}" # engines
: "${EVAL_DEVICES:=${CUDA_VISIBLE_DEVICES:-$(first_devices $((EVAL_TENSOR_PARALLEL * EVAL_DATA_PARALLEL)))}}" # GPUs of the servers
: "${EVAL_GPU_MEMORY:=0.85}" # share of each GPU that vLLM may take
: "${EVAL_WAIT:=1800}" # seconds until a server must be up; it may have to fetch the model first
: "${DEPLOY_ARGUMENTS:=}" # further words for `swift deploy`

read_arguments "$@"
CHECKPOINT="${PASSED[0]:-}"
[ -f "$CHECKPOINT/args.json" ] ||
    die "usage: bash $0 CHECKPOINT, a folder with args.json; there is none in '$CHECKPOINT'"
CHECKPOINT="$(cd "$CHECKPOINT" && pwd)"
PASSED=("${PASSED[@]:1}")
EVAL_OUTPUT="${EVAL_OUTPUT:-$(dirname "$CHECKPOINT")/evaluation}"

# The value of NAME in the checkpoint's args.json; nothing where it has none.
trained_with() { sed -nE "s/^ *\"$1\": \"?([^\"]*[^\",])\"?,?\$/\1/p" "$CHECKPOINT/args.json" | grep -vx null || true; }

is_adapter() { [ -f "$CHECKPOINT/adapter_config.json" ]; }

# The variable NAME of the command that scripts/ left behind; nothing where there is none.
trained_variable() {
    local value="" command
    for command in "$CHECKPOINT/../command.sh" "$CHECKPOINT/../../command.sh"; do
        [ -z "$value" ] && [ -f "$command" ] || continue
        value="$(sed -nE "s/^ *$1=([[:alnum:]_]+).*/\1/p" "$command")"
    done
    echo "$value"
}

# The pixels of the training: a flag, or the variable.
trained_pixels() {
    local pixels
    pixels="$(trained_with max_pixels)"
    echo "${pixels:-$(trained_variable MAX_PIXELS)}"
}

# Whether turns began inside a thought; nothing where nobody said so.
trained_thinking() {
    case "$(trained_with enable_thinking)" in
        true) echo on ;;
        false) echo off ;;
    esac
}

# Lines of NAME PATH: the benchmarks of BENCHMARKS that are on this machine.
local_benchmarks() {
    local pair folder
    for pair in $BENCHMARKS; do
        for folder in "" "$ROOT/" "$ROOT/data/"; do
            [ -e "$folder${pair#*=}" ] || continue
            echo "${pair%%=*} $folder${pair#*=}"
            break
        done
    done
}

# serve NAME WORD...: `swift deploy` of the model that the words say, until `stop_server`.
serve() {
    local log="$EVAL_OUTPUT/$1.log" words
    read -ra words <<<"$DEPLOY_ARGUMENTS"
    words=(
        swift deploy "${@:2}"
        --infer_backend vllm
        --host 127.0.0.1
        --port "$EVAL_PORT"
        --vllm_tensor_parallel_size "$EVAL_TENSOR_PARALLEL"
        --vllm_data_parallel_size "$EVAL_DATA_PARALLEL"
        --vllm_gpu_memory_utilization "$EVAL_GPU_MEMORY"
        --vllm_max_model_len "$MAX_CONTEXT_TOKENS"
        --vllm_limit_mm_per_prompt "{\"image\": $DEEPEYES_MAX_IMAGES, \"video\": 0}"
        --verbose false
        "${words[@]}"
    )
    [ -z "$RESPONSE_PREFIX" ] || words+=(--response_prefix "$RESPONSE_PREFIX")
    if "$IS_DRY_RUN"; then
        print_command "${words[@]}"
        return
    fi
    require_free_port "$EVAL_PORT" EVAL_PORT
    echo "Starting the server of $1; its log: $log"
    set -m # a process group of its own, so that vLLM's processes can be ended with it
    "${words[@]}" >"$log" 2>&1 &
    SERVER=$!
    set +m
    wait_for_server "$log"
}

wait_for_server() {
    local end=$((SECONDS + EVAL_WAIT))
    until (: <"/dev/tcp/127.0.0.1/$EVAL_PORT") 2>/dev/null; do
        kill -0 "$SERVER" 2>/dev/null || die "the server ended; the end of $1: $(tail -n 20 "$1")"
        ((SECONDS < end)) || die "the server was not up after EVAL_WAIT=$EVAL_WAIT seconds; see $1"
        sleep 1
    done
}

SERVER=
stop_server() {
    local end=$((SECONDS + 20))
    [ -n "$SERVER" ] || return 0
    kill -TERM -- "-$SERVER" 2>/dev/null || true
    while kill -0 -- "-$SERVER" 2>/dev/null && ((SECONDS < end)); do sleep 0.2; done
    kill -KILL -- "-$SERVER" 2>/dev/null || true
    wait "$SERVER" 2>/dev/null || true
    SERVER=
}

# 1 is how eval ends where something was not run or judged: the others are asked all the same.
INCOMPLETE=false
note_incomplete() {
    (($1 == 1)) || exit "$1"
    INCOMPLETE=true
}

# ask NAME FILES: all benchmarks of the model that is served; FILES tell eval what it is, if there.
ask() {
    local benchmark path words
    while read -r benchmark path; do
        words=(
            swift-deepeyes eval "$benchmark"
            --data "$path"
            --out "$EVAL_OUTPUT/$1/$benchmark"
            --base-url "http://127.0.0.1:$EVAL_PORT/v1"
            --max-pixels "$MAX_PIXELS"
            --max-context "$MAX_CONTEXT_TOKENS"
            --tool "$TOOL"
        )
        [ -z "$THINKING" ] || words+=(--thinking "$THINKING")
        [ ! -f "$2/config.json" ] || words+=(--checkpoint "$2")
        [ ! -e "$SYSTEM_PROMPT" ] || words+=(--system-prompt "$SYSTEM_PROMPT")
        # Its input would be the list of benchmarks.
        run_step "${words[@]}" "${PASSED[@]}" </dev/null || note_incomplete $?
    done <<<"$FOUND"
}

# evaluate NAME FILES WORD...
evaluate() {
    serve "$1" "${@:3}"
    ask "$1" "$2"
    stop_server
}

FOUND="$(local_benchmarks)"
[ -n "$FOUND" ] || die "none of BENCHMARKS is here ($BENCHMARKS)." \
    "V*: hf download craigwu/vstar_bench --repo-type dataset --local-dir vstar_bench"
[ -n "$MAX_PIXELS" ] || MAX_PIXELS="$(trained_pixels)"
[ -n "$MAX_PIXELS" ] || die "with which MAX_PIXELS the checkpoint was trained is not known: set it"
THINKING="${THINKING:-$(trained_thinking)}"
RESPONSE_PREFIX="$(trained_with response_prefix)"
DEEPEYES_PROMPT="${DEEPEYES_PROMPT:-$(trained_variable DEEPEYES_PROMPT)}"
DEEPEYES_PROMPT="${DEEPEYES_PROMPT:-published}"
[ -n "$BASE_MODEL" ] || BASE_MODEL="$(trained_with model)"
CUDA_VISIBLE_DEVICES="$EVAL_DEVICES"
export_settings MAX_PIXELS CUDA_VISIBLE_DEVICES DEEPEYES_PROMPT

require_command swift
trap stop_server EXIT
trap 'exit 130' INT TERM
run_step mkdir -p "$EVAL_OUTPUT"

names=()
if [ "$BASE_MODEL" != none ]; then
    evaluate base "$BASE_MODEL" --model "$BASE_MODEL"
    names+=(base)
fi
name="$(basename "$CHECKPOINT")"
names+=("$name")
if is_adapter; then
    evaluate "$name" "$CHECKPOINT-merged" --adapters "$CHECKPOINT" --merge_lora true
else
    evaluate "$name" "$CHECKPOINT" --model "$CHECKPOINT"
fi
run_step python "$SCRIPTS/before_after.py" "$EVAL_OUTPUT" "${names[@]}"
! "$INCOMPLETE" || die "not everything was run or judged; the same command continues"

# shellcheck shell=bash
# Sourced by every trainer's script: what is trained, on what, and how. The values are the paper's
# for 7B (GRPO, 256 prompts x 16, one update per step, 80 steps) unless a comment says why not.
# `swift rlhf` and `megatron rlhf` take these arguments under the same names; what they call
# differently is in training_swift.sh and training_megatron.sh.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${DATASETS:=deepeyes_vstar deepeyes_chart deepeyes_thinklite}"
: "${PROMPTS:=256}"
: "${GENERATIONS:=16}"
: "${BATCH:=1}" # trajectories per GPU and micro-step
: "${STEPS:=80}"
: "${LEARNING_RATE:=1e-6}"
: "${TUNER:=full}" # or lora
: "${LORA_RANK:=64}"
: "${DATA_PROCESSES:=8}" # they check every image once, at start
: "${SAVE_STEPS:=8}"
: "${REPORT_TO:=tensorboard}"
: "${OUTPUT:=$ROOT/output/$(basename "$0" .sh)}"

# The trainer's machines; the first one's address is MASTER_ADDR, and each has its own NODE_RANK.
: "${NPROC_PER_NODE:=8}"
: "${NNODES:=1}"
: "${MASTER_PORT:=29511}" # not torchrun's own 29500, where a second job would collide
GPUS=$((NPROC_PER_NODE * NNODES))

# Where the others are: one address or several, separated by spaces, all on the same port.
: "${JUDGE_HOST:=127.0.0.1}"
: "${ROLLOUT_HOST:=127.0.0.1}"
: "${ROLLOUT_WAIT:=1800}" # seconds until the server must be up; it may have to fetch the model first
# shellcheck disable=SC2086  # several hosts are several words
: "${DEEPEYES_JUDGE_BASE_URL:=${LLM_AS_A_JUDGE_BASE:-$(printf "http://%s:$JUDGE_PORT/v1\n" $JUDGE_HOST | paste -sd,)}}"
# Seconds until the judge must be there, where it is started together with the trainer: a 72B model
# loads for many minutes. Where it runs already, 10 tells a wrong address at once.
: "${DEEPEYES_JUDGE_START_WAIT:=1800}"
export DEEPEYES_JUDGE_BASE_URL DEEPEYES_JUDGE_START_WAIT

read -ra DATASET_LIST <<<"$DATASETS"

case "$TUNER" in
    # Everything is trained, the vision tower too; ms-swift's default would freeze it.
    full) TUNER_ARGUMENTS=(--tuner_type full --freeze_vit false --freeze_aligner false) ;;
    # Adapters on the language model; dropout would make the trained policy another than the sampled.
    lora)
        TUNER_ARGUMENTS=(
            --tuner_type lora
            --lora_rank "$LORA_RANK"
            --lora_alpha $((2 * LORA_RANK))
            --lora_dropout 0
            --target_modules all-linear
            --freeze_vit true
            --freeze_aligner true
        )
        ;;
    *) die "TUNER=$TUNER is not allowed: full or lora" ;;
esac

TRAINING_ARGUMENTS=(
    --rlhf_type grpo
    --model "$MODEL"
    --torch_dtype bfloat16
    --external_plugins "$PLUGIN"

    --custom_dataset_info "$ROOT/dataset_info.json"
    --dataset "${DATASET_LIST[@]}"
    --dataset_num_proc "$DATA_PROCESSES"
    --dataloader_num_workers 4

    # The first is trained on; the others are its parts, for the curves, at no further judge calls.
    --reward_funcs deepeyes_reward deepeyes_accuracy deepeyes_format deepeyes_tool
    --reward_weights 1 0 0 0

    "${TUNER_ARGUMENTS[@]}"
    # All turns of the model. In server mode ms-swift's default is the last turn only.
    --loss_scale default

    --weight_decay 0.01
    --adam_beta2 0.999
    --beta 0 # no KL term, so no reference model either
    --temperature 1.0
    --num_generations "$GENERATIONS"

    # A prompt that is too long, or that cannot be encoded, is replaced by another. With `left`, the
    # other choice, it would reach the engine cut, without its system prompt and its question.
    # Prompts only: in colocate mode ms-swift's engine would check later turns against this too, where
    # our plugin did not lift it; vllm_max_model_len bounds them. Under Ray it is the whole
    # conversation's (train_ray.sh).
    --max_length "${MAX_LENGTH:-$MAX_PROMPT_TOKENS}"
    --truncation_strategy delete
    --max_completion_length "$MAX_TURN_TOKENS"
    --completion_length_limit_scope per_round

    --save_strategy steps
    --save_steps "$SAVE_STEPS"
    --save_total_limit 2
    --logging_steps 1
    --log_completions true
    --report_to "$REPORT_TO"
    --output_dir "$OUTPUT"
)

# Sets ROLLOUT_ARGUMENTS: generation by the servers of rollout.sh on ROLLOUT_HOST.
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

# Sets ROLLOUT_ARGUMENTS: generation on the trainer's own GPUs. vLLM sleeps while the trainer works,
# and the trainer's states leave the GPU while vLLM generates.
set_colocate_arguments() {
    ROLLOUT_ARGUMENTS=(
        --multi_turn_scheduler deepeyes_scheduler
        --max_turns "$MAX_TURNS"
        --use_vllm true
        --vllm_mode colocate
        --vllm_tensor_parallel_size "${ROLLOUT_TENSOR_PARALLEL:-1}"
        --vllm_gpu_memory_utilization "${ROLLOUT_GPU_MEMORY:-0.5}" # while it generates
        --vllm_max_model_len "$MAX_CONTEXT_TOKENS"
        --vllm_limit_mm_per_prompt "$IMAGE_LIMIT"
        --vllm_enable_prefix_caching true
        --sleep_level 1
        --offload_model true
        --offload_optimizer true
    )
}

# The environment that makes ms-swift start torchrun.
use_torchrun() {
    ((NNODES == 1)) || [ -n "${MASTER_ADDR:-}" ] ||
        die "NNODES is $NNODES: set MASTER_ADDR to the first training node's address"
    ((NNODES == 1)) || [ -n "${NODE_RANK:-}" ] ||
        die "NNODES is $NNODES: set NODE_RANK, 0 on the first training node, 1 on the next"
    : "${MASTER_ADDR:=127.0.0.1}"
    : "${NODE_RANK:=0}"
    : "${TRAIN_DEVICES:=${CUDA_VISIBLE_DEVICES:-$(first_devices "$NPROC_PER_NODE")}}"
    export NPROC_PER_NODE NNODES NODE_RANK MASTER_ADDR MASTER_PORT
    export CUDA_VISIBLE_DEVICES="$TRAIN_DEVICES"
}

# shellcheck shell=bash
# Sourced by the trainers' scripts that can generate on their own GPUs. vLLM sleeps while the trainer
# works, and the trainer's states leave the GPU while vLLM generates.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${ROLLOUT_TENSOR_PARALLEL:=1}" # GPUs of one engine
: "${ROLLOUT_GPU_MEMORY:=0.5}" # share of each GPU that vLLM may take while it generates

# Sets ROLLOUT_ARGUMENTS.
set_colocate_arguments() {
    ROLLOUT_ARGUMENTS=(
        --multi_turn_scheduler deepeyes_scheduler
        --max_turns "$MAX_TURNS"
        --use_vllm true
        --vllm_mode colocate
        --vllm_tensor_parallel_size "$ROLLOUT_TENSOR_PARALLEL"
        --vllm_gpu_memory_utilization "$ROLLOUT_GPU_MEMORY"
        --vllm_max_model_len "$MAX_CONTEXT_TOKENS"
        --vllm_limit_mm_per_prompt "$IMAGE_LIMIT"
        --vllm_enable_prefix_caching true
        --sleep_level 1
        --offload_model true
        --offload_optimizer true
    )
}

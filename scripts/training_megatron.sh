# shellcheck shell=bash
# Sourced by train_megatron.sh and train_ray.sh after training.sh: what `megatron rlhf` calls its own.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${TENSOR_MODEL_PARALLEL:=2}" # GPUs that share the language model; fp32 gradients of 7B are 33 GB otherwise
: "${PIPELINE_MODEL_PARALLEL:=1}" # stages of layers; over 1, ms-swift gathers rewards in another order than groups
: "${MEGATRON_ATTENTION:=auto}" # backend; ms-swift's default, flash, needs the package flash-attn

# Sets MEGATRON_ARGUMENTS for PROMPTS x GENERATIONS trajectories per update on all GPUS.
set_megatron_arguments() {
    local model_gpus=$((TENSOR_MODEL_PARALLEL * PIPELINE_MODEL_PARALLEL)) data_parallel
    data_parallel=$((GPUS / model_gpus))
    ((data_parallel * model_gpus == GPUS)) ||
        die "the GPUs ($GPUS) must be a multiple of TENSOR_ x PIPELINE_MODEL_PARALLEL ($model_gpus)"
    ((PROMPTS % (data_parallel * BATCH) == 0)) ||
        die "PROMPTS ($PROMPTS) must be a multiple of data parallel size x BATCH ($data_parallel x $BATCH)"
    MEGATRON_ARGUMENTS=(
        --lr "$LEARNING_RATE"
        --lr_decay_style constant
        --train_iters "$STEPS"
        --no_save_optim "$SAVE_ONLY_MODEL"
        --wandb_project "$REPORT_PROJECT"
        --wandb_exp_name "$REPORT_NAME"

        --micro_batch_size "$BATCH"
        # In trajectories. All of an update are generated at once: Megatron's `steps_per_generation`
        # counts updates, not micro-steps.
        --global_batch_size $((PROMPTS * GENERATIONS))
        --steps_per_generation 1

        --tensor_model_parallel_size "$TENSOR_MODEL_PARALLEL"
        --pipeline_model_parallel_size "$PIPELINE_MODEL_PARALLEL"
        --sequence_parallel true
        --attention_backend "$MEGATRON_ATTENTION"
        --recompute_granularity full
        --recompute_method uniform
        --recompute_num_layers 1
    )
    add_resume_arguments megatron
}

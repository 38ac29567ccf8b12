# shellcheck shell=bash
# Sourced by train_server.sh and train_colocate.sh after training.sh: what `swift rlhf` calls its own.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${DEEPSPEED:=zero3}" # or zero3_offload where memory is short; none for a single GPU
: "${ATTENTION:=sdpa}" # flash_attn is faster, and a package of its own
# An hour longer than for a generation and a judge that is away. When a rank ends with an error torchrun ends those of its own machine; the others wait this
# long at worst, with ms-swift's default for 208 days.
: "${DDP_TIMEOUT:=7200}" # seconds that a rank waits for another

SWIFT_ARGUMENTS=(
    --attn_impl "$ATTENTION"
    --learning_rate "$LEARNING_RATE"
    --lr_scheduler_type constant
    --warmup_ratio 0
    --max_steps "$STEPS"
    --ddp_timeout "$DDP_TIMEOUT"
    --save_only_model "$SAVE_ONLY_MODEL"
    --run_name "$REPORT_NAME"
)
[ "$DEEPSPEED" = none ] || SWIFT_ARGUMENTS+=(--deepspeed "$DEEPSPEED")

# Sets BATCH_ARGUMENTS for PROMPTS x GENERATIONS trajectories per update on all GPUS.
set_batch_arguments() {
    local trajectories=$((PROMPTS * GENERATIONS)) micro_steps
    micro_steps=$((trajectories / (GPUS * BATCH)))
    ((micro_steps * GPUS * BATCH == trajectories)) ||
        die "PROMPTS x GENERATIONS ($trajectories) must be a multiple of GPUs x BATCH ($GPUS x $BATCH)"
    # Generated at once, then trained on in micro-steps of BATCH. ms-swift keeps the pixels of all of
    # them on the GPU (up to 24 bytes per pixel of MAX_PIXELS and image), so one update may be fed by
    # several generations, all from the same weights: the update is the same, the memory is less.
    : "${MICRO_STEPS_PER_GENERATION:=$((micro_steps < 64 ? micro_steps : 64))}" # generated at once; as many as there are up to 64
    ((micro_steps % MICRO_STEPS_PER_GENERATION == 0)) ||
        die "MICRO_STEPS_PER_GENERATION ($MICRO_STEPS_PER_GENERATION) must divide $micro_steps"
    ((GPUS * BATCH * MICRO_STEPS_PER_GENERATION % GENERATIONS == 0)) ||
        die "GPUs x BATCH x MICRO_STEPS_PER_GENERATION must be a multiple of GENERATIONS ($GENERATIONS)"
    BATCH_ARGUMENTS=(
        --per_device_train_batch_size "$BATCH"
        --gradient_accumulation_steps "$micro_steps"
        --steps_per_generation "$MICRO_STEPS_PER_GENERATION"
    )
    # ms-swift divides these losses by the tokens of one generation: of an update that several feed,
    # the gradient is as many times as large. AdamW does not mind; the norm it is cut at must follow.
    case "$LOSS_TYPE" in
        dapo | cispo | fipo)
            BATCH_ARGUMENTS+=(--max_grad_norm $((micro_steps / MICRO_STEPS_PER_GENERATION)))
            ;;
    esac
    add_resume_arguments swift
}

# shellcheck shell=bash
# Sourced by every trainer's script: what is trained, on what, and how. The values are the paper's
# for 7B (GRPO, 256 prompts x 16, one update per step, 80 steps) unless a comment says why not.
# `swift rlhf` and `megatron rlhf` take these arguments under the same names; what they call
# differently is in training_swift.sh and training_megatron.sh.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${DATASETS:=deepeyes_vstar deepeyes_chart deepeyes_thinklite}" # one or several names or files
: "${DATASET_INFO:=}" # your own dataset_info.json, or several, whose names DATASETS may have too
: "${PROMPTS:=256}"         # prompts of an update
: "${GENERATIONS:=16}"      # trajectories of a prompt
: "${BATCH:=1}"             # trajectories per GPU and micro-step
: "${STEPS:=80}"            # updates
: "${LEARNING_RATE:=1e-6}"  # constant
: "${TUNER:=full}"          # full or lora
: "${LORA_RANK:=64}"        # with TUNER=lora; alpha is twice of it
: "${STOP:=}" # strings that end a turn, e.g. </tool_call>; they stay in its text
: "${DATA_PROCESSES:=8}"    # they check every image once, at start
. "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"
. "$(dirname "${BASH_SOURCE[0]}")/resume.sh"
. "$(dirname "${BASH_SOURCE[0]}")/thinking.sh"

# The data's prompts were written for boxes in pixels and calls as JSON. `family` rewrites them for the
# model, also those of a file that was prepared for another one; the paper's model keeps the paper's.
: "${DEEPEYES_PROMPT:=published}" # whose words tell of the tools: published, corrected or family
export_settings DEEPEYES_PROMPT

# Where the judge is.
: "${JUDGE_HOST:=127.0.0.1}" # one address or several, separated by spaces, all on JUDGE_PORT
# shellcheck disable=SC2086  # several hosts are several words
: "${DEEPEYES_JUDGE_BASE_URL:=${LLM_AS_A_JUDGE_BASE:-$(printf "http://%s:$JUDGE_PORT/v1\n" $JUDGE_HOST | paste -sd,)}}" # instead of JUDGE_HOST: whole addresses, with commas
# A judge that is started together with the trainer may load a 72B model first.
: "${DEEPEYES_JUDGE_START_WAIT:=1800}" # seconds until the judge must be there; 10 where it runs already
export_settings DEEPEYES_JUDGE_BASE_URL DEEPEYES_JUDGE_START_WAIT

. "$(dirname "${BASH_SOURCE[0]}")/training_output.sh"

read -ra DATASET_LIST <<<"$DATASETS"
read -ra DATASET_INFO_LIST <<<"$DATASET_INFO"
read -ra STOP_LIST <<<"$STOP"

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
    "${THINKING_ARGUMENTS[@]}"

    --custom_dataset_info "$ROOT/dataset_info.json" "${DATASET_INFO_LIST[@]}"
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
    "${RECIPE_ARGUMENTS[@]}" # recipe.sh

    # A prompt that is too long, or that cannot be encoded, is replaced by another. With `left`, the
    # other choice, it would reach the engine cut, without its system prompt and its question.
    # Prompts only: in colocate mode ms-swift's engine would check later turns against this too, where
    # our plugin did not lift it; vllm_max_model_len bounds them. Under Ray it is the whole
    # conversation's (train_ray.sh).
    --max_length "${MAX_LENGTH:-$MAX_PROMPT_TOKENS}"
    --truncation_strategy delete
    --max_completion_length "$MAX_TURN_TOKENS"
    --completion_length_limit_scope per_round

    "${OUTPUT_ARGUMENTS[@]}"
)
# ms-swift decodes a turn from its tokens, which hold the string, so a call is read as ever. A string
# in a thought ends the turn too, without an action. ms-swift puts the end-of-turn token, which was
# not sampled, behind a stopped turn and trains on it: then it has one log-probability too few for
# the importance-sampling correction, and leaves that out without a word (4.6.0).
if [ -n "$STOP" ]; then
    [ "$IMPORTANCE_SAMPLING" = none ] ||
        die "STOP turns the importance-sampling correction off: set IMPORTANCE_SAMPLING=none, or no STOP"
    TRAINING_ARGUMENTS+=(--stop_words "${STOP_LIST[@]}")
fi

# shellcheck shell=bash
# Sourced by what serves or trains the policy: how its template treats thoughts. Give the same values
# to rollout server and trainer; evaluate.sh takes the training's.
#
# Qwen3.5's own default is a prompt that ends in an empty thought, so that no turn can think: without
# ENABLE_THINKING=true nothing is wrong and little is learned. Qwen3-VL's Thinking models need it too,
# as ms-swift does not tell them from the Instruct ones. A server would then drop the thoughts of
# earlier turns, which were sampled and are trained on: PRESERVE_THINKING keeps them.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${ENABLE_THINKING:=}" # true: a turn begins inside a thought; false: behind an empty one; empty: as the template has it
: "${PRESERVE_THINKING:=${ENABLE_THINKING:+true}}" # true: earlier thoughts stay in the conversation; empty: as the template has it
: "${RESPONSE_PREFIX:=}" # instead of what ENABLE_THINKING puts before a turn; \n is a line break

THINKING_ARGUMENTS=()
[ -z "$ENABLE_THINKING" ] || THINKING_ARGUMENTS+=(--enable_thinking "$ENABLE_THINKING")
[ -z "$PRESERVE_THINKING" ] || THINKING_ARGUMENTS+=(--preserve_thinking "$PRESERVE_THINKING")
[ -z "$RESPONSE_PREFIX" ] || THINKING_ARGUMENTS+=(--response_prefix "$RESPONSE_PREFIX")

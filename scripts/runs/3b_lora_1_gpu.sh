#!/usr/bin/env bash
# Qwen2.5-VL-3B with LoRA on one GPU of 24 to 48 GB, generation included: to try the method out.
#
#   bash scripts/runs/3b_lora_1_gpu.sh train
#
# Hardware: 1 GPU of 24 GB, 32 GB of memory. Needs no other machine.
# Judge: the rules. A server decides better, a 72B one best:
#   DEEPEYES_JUDGE=openai JUDGE_HOST=judge-node bash scripts/runs/3b_lora_1_gpu.sh train
#   Small judge models (Qwen2.5-7B-Instruct: DeepEyes issue #55) have made tool use collapse to zero, and
#   updates as small as this one may too. The rules are strict: they miss good paraphrases.
# Update: 16 prompts x 8 generations on 1 GPU
# Plan: swift-deepeyes plan --model 3b --lora --gpus 1 --gpu rtx4090 --colocate --rollout-memory 0.6 --prompts 16 --generations 8 --steps 200 --max-pixels 1003520 --max-prompt 4096 --max-response 4096
# Memory: training "14.6 GB" on average, "18.9 GB" for the longest trajectory, while vLLM sleeps;
#   generating: 0.6 of the GPU for vLLM ("7.5 GB" of weights, "2.9 GB" of KV cache), the trainer in RAM.
#   On 48 GB: ROLLOUT_GPU_MEMORY=0.8 MAX_PIXELS=2007040 MAX_PROMPT_TOKENS=8192 MAX_RESPONSE_TOKENS=8192.
# Time: a step of "308 s" or more on an RTX 4090.
# Watch: deepeyes/crops/share (falls to zero where tool use collapses), deepeyes/accuracy/with_crop.
# Not as the paper: LoRA, since Adam for 3B would need 60 GB; a learning rate for adapters, which is ten
#   times larger; a 32nd of the trajectories per update, for time; shorter texts, smaller images, for memory.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../roles.sh"

set -a
: "${MODEL:=Qwen/Qwen2.5-VL-3B-Instruct}"
: "${TUNER:=lora}"
: "${LEARNING_RATE:=1e-5}"
: "${NPROC_PER_NODE:=1}"
: "${DEEPSPEED:=none}" # nothing to share a single GPU's states with
: "${PROMPTS:=16}"
: "${GENERATIONS:=8}"
: "${STEPS:=200}"
: "${MAX_PIXELS:=1003520}" # 1280 tokens
: "${MAX_PROMPT_TOKENS:=4096}"
: "${MAX_RESPONSE_TOKENS:=4096}"
: "${MAX_TURN_TOKENS:=2048}"
: "${ROLLOUT_GPU_MEMORY:=0.6}"
: "${DATA_PROCESSES:=4}"
: "${DEEPEYES_JUDGE:=rule}"
set +a

start train=train_colocate.sh -- "$@"

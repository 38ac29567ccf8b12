#!/usr/bin/env bash
# Qwen2.5-VL-3B with LoRA on one GPU of 24 to 48 GB, generation included: to try the method out.
#
#   bash scripts/runs/3b_lora_1_gpu.sh train
#
# Hardware: 1 GPU of 24 GB, 48 GB of memory. Needs no other machine.
# Judge: the rules. A server decides better, a 72B one best:
#   DEEPEYES_JUDGE=openai JUDGE_HOST=judge-node bash scripts/runs/3b_lora_1_gpu.sh train
#   Small judge models (Qwen2.5-7B-Instruct: DeepEyes issue #55) have made tool use collapse to zero, and
#   updates as small as this one may too. The rules are strict: they miss good paraphrases.
# Update: 16 prompts x 8 generations on 1 GPU
# Plan: swift-deepeyes plan --model 3b --lora --gpus 1 --gpu rtx4090 --colocate --rollout-memory 0.6 --prompts 16 --generations 8 --steps 200 --max-pixels 1003520 --max-prompt 3072 --max-response 2048 --max-turn-tokens 1024
# Memory: (calibrated) training "15.6 GB" on average, "20.8 GB" for the longest trajectory, "7.9 GB" of
#   it logits (16 bytes an element without DeepSpeed), while vLLM sleeps; generating: "18.9 GB", with
#   0.6 of the GPU for vLLM ("7.5 GB" of weights, "7.9 GB" of KV cache), the trainer in the machine's
#   memory ("37.0 GB"). On 48 GB: MAX_PIXELS=2007040 MAX_PROMPT_TOKENS=6144 MAX_RESPONSE_TOKENS=4096
#   MAX_TURN_TOKENS=2048.
# Time: (calibrated) on RTX 4090 a step of "413 s", the run "22.9 h"; on A100 "281 s", "15.6 h",
#   "16 GPU-hours"; on H100 "198 s", "11.0 h", "11 GPU-hours". On an H100 more than half of it is the
#   host's: launching kernels, encoding images.
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
: "${MAX_PROMPT_TOKENS:=3072}"
: "${MAX_RESPONSE_TOKENS:=2048}"
: "${MAX_TURN_TOKENS:=1024}"
: "${ROLLOUT_GPU_MEMORY:=0.6}"
: "${DATA_PROCESSES:=4}"
: "${DEEPEYES_JUDGE:=rule}"
set +a

start train=train_colocate.sh -- "$@"

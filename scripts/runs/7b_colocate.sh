#!/usr/bin/env bash
# The paper's 7B recipe on one node of 8 GPUs that generate and train in turns.
#
#   judge node:     bash scripts/runs/7b_colocate.sh judge
#   training node:  JUDGE_HOST=judge-node bash scripts/runs/7b_colocate.sh train
#
# Hardware: 8 GPUs of 80 GB and 640 GB of memory; 4 GPUs of 80 GB elsewhere for the judge.
# Judge: Qwen2.5-VL-72B-Instruct.
# Update: 256 prompts x 16 generations on 8 GPUs
# Plan: swift-deepeyes plan --model 7b --gpus 8 --colocate --rollout-memory 0.5
# Memory: (arithmetic) training "28.6 GB" on average, "62.4 GB" for the longest trajectory, "31.0 GB" of
#   it logits, while vLLM sleeps; generating: "48.3 GB", with half of the GPU for vLLM ("16.6 GB" of
#   weights, "26.2 GB" of KV cache). The node's memory: "570.7 GB", of which "530.7 GB" are vLLM's
#   weights (8 copies) and the trainer's states, off the GPUs in twice their bytes.
# Time: (arithmetic) on A100 a step of "45 min", the run "59.5 h", "476 GPU-hours"; on H100 "22 min",
#   "29.9 h", "239 GPU-hours". PROMPTS=64 is a quarter of it.
# Watch: deepeyes/crops/share (falls to zero where tool use collapses); the node's memory, as vLLM and
#   trainer swap places.
# Not as the paper: 8 GPUs instead of 32 or more (same updates, more time). Turns go in lock-step here:
#   all trajectories wait for the longest turn of each round.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../roles.sh"

set -a
: "${ROLLOUT_GPU_MEMORY:=0.5}"
set +a

start judge=deploy_judge.sh train=train_colocate.sh -- "$@"

#!/usr/bin/env bash
# The paper's 7B recipe on one node: 4 GPUs generate, 4 train. Slow, but the paper's updates.
#
#   judge node:     bash scripts/runs/7b_1_node.sh judge
#   training node:  bash scripts/runs/7b_1_node.sh rollout
#                   JUDGE_HOST=judge-node bash scripts/runs/7b_1_node.sh train
#
# Hardware: 8 GPUs of 80 GB and 400 GB of memory; 4 GPUs of 80 GB elsewhere for the judge.
# Judge: Qwen2.5-VL-72B-Instruct.
# Update: 256 prompts x 16 generations on 4 GPUs
# Plan: swift-deepeyes plan --model 7b --gpus 8 --rollout-gpus 4 --offload
# Memory: (arithmetic) training "15.6 GB" on average, "49.3 GB" for the longest trajectory, "31.0 GB" of
#   it logits, and "172.7 GB" of the node's memory; without offload 78 GB, too close to 85. vLLM:
#   "16.6 GB" of weights, "54.1 GB" of KV cache.
# Time: (arithmetic) on A100 a step of "89 min", the run "118.7 h", "950 GPU-hours"; on H100 "47 min",
#   "62.9 h", "503 GPU-hours". A sixth (A100) to a third (H100) of it moves states to and fro.
#   7b_colocate.sh trains on all 8 GPUs instead.
# Watch: deepeyes/crops/share (falls to zero where tool use collapses), deepeyes/judge/away_seconds.
# Not as the paper: 4 GPUs train instead of 32 or more, so the optimizer is offloaded (same updates).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../roles.sh"

set -a
: "${ROLLOUT_DATA_PARALLEL:=4}"
: "${ROLLOUT_DEVICES:=0,1,2,3}"
: "${NPROC_PER_NODE:=4}"
: "${TRAIN_DEVICES:=4,5,6,7}"
: "${DEEPSPEED:=zero3_offload}"
set +a

start judge=deploy_judge.sh rollout=rollout.sh train=train_server.sh -- "$@"

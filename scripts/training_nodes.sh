# shellcheck shell=bash
# Sourced by every trainer's script: its machines, and the environment of torchrun.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${NPROC_PER_NODE:=8}"  # GPUs of a node that train
: "${NNODES:=1}"          # nodes that train
: "${MASTER_PORT:=29511}" # not torchrun's own 29500, where a second job would collide
GPUS=$((NPROC_PER_NODE * NNODES))

# The environment that makes ms-swift start torchrun.
use_torchrun() {
    ((NNODES == 1)) || [ -n "${MASTER_ADDR:-}" ] ||
        die "NNODES is $NNODES: set MASTER_ADDR to the first training node's address"
    ((NNODES == 1)) || [ -n "${NODE_RANK:-}" ] ||
        die "NNODES is $NNODES: set NODE_RANK, 0 on the first training node, 1 on the next"
    : "${MASTER_ADDR:=127.0.0.1}" # the first training node's address
    : "${NODE_RANK:=0}" # 0 on the first training node, 1 on the next
    : "${TRAIN_DEVICES:=${CUDA_VISIBLE_DEVICES:-$(first_devices "$NPROC_PER_NODE")}}" # GPUs that train, as 4,5,6,7; empty: the first ones
    CUDA_VISIBLE_DEVICES="$TRAIN_DEVICES"
    export_settings NPROC_PER_NODE NNODES NODE_RANK MASTER_ADDR MASTER_PORT CUDA_VISIBLE_DEVICES
}

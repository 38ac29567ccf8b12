#!/usr/bin/env bash
# A node of the Ray cluster of train_ray.sh; start it on every node, on the head first.
#   bash scripts/ray_node.sh                      # the head
#   RAY_HEAD=node1 bash scripts/ray_node.sh       # every other node
# Ray's workers have the environment that they are started with here, not the driver's: MAX_PIXELS
# and what else common.sh exports must be the same as for train_ray.sh.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

: "${RAY_PORT:=6379}" # of the head
: "${RAY_HEAD:=}" # the head's address; empty: this node is the head

read_arguments "$@"
require_command ray
if [ -n "$RAY_HEAD" ]; then
    start_command ray start --address "$RAY_HEAD:$RAY_PORT" --block
fi
require_free_port "$RAY_PORT" RAY_PORT
start_command ray start --head --port "$RAY_PORT" --block

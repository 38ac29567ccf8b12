#!/usr/bin/env bash
# The demo: a toy model learns to zoom, by real GRPO with ms-swift, vLLM and this package's plugin.
#
# Hardware: two CPU cores and 8 GB of memory are enough; a GPU is used where there is one. Builds its
# environment first (once), downloads no model and no data, and takes a few minutes.
#   bash scripts/demo.sh
#   bash scripts/demo.sh --family qwen3_vl   # or qwen3_5; without it a Qwen2.5-VL
#   bash scripts/demo.sh --seed 1 --steps 60 --output output/other
# Judge: the rules; with DEEPEYES_JUDGE_BASE_URL=http://host:18901/v1 that server.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
print_header_for_help "$@"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=/dev/null
. scripts/environment.sh
ensure_environment
exec swift-deepeyes demo "$@"

#!/usr/bin/env bash
# The training data: the three files of DeepEyes-Datasets-47k (4.8 GB) into data/, where
# dataset_info.json expects them. No GPU. Run it again after an interruption: it goes on.
#   bash scripts/download_data.sh                 # from ModelScope
#   SOURCE=hf bash scripts/download_data.sh       # from Hugging Face
# For another disk make data/ a link to it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

: "${SOURCE:=modelscope}" # modelscope or hf

read_arguments "$@"
DATA="$ROOT/data"
declare -A BYTES=(
    [data_0.1.2_visual_toolbox_v2.parquet]=990263397
    [data_v0.8_visual_toolbox_v2.parquet]=2198504506
    [data_thinklite_reasoning_acc.parquet]=1656152904
)

size_of() { [ ! -f "$1" ] || wc -c <"$1"; }

# Files of the list that are not there in full.
incomplete() {
    local file
    for file in "${!BYTES[@]}"; do
        [ "$(size_of "$DATA/$file")" = "${BYTES[$file]}" ] || echo "$file"
    done
}

download() {
    if [ "$SOURCE" = hf ]; then
        run_step hf download ChenShawn/DeepEyes-Datasets-47k "$@" --repo-type dataset --local-dir "$DATA" "${PASSED[@]}"
    else
        run_step modelscope download --dataset Lixiang/ChenShawn-DeepEyes-Datasets-47k "$@" --local_dir "$DATA" "${PASSED[@]}"
    fi
}

case "$SOURCE" in
    modelscope | hf) require_command "$SOURCE" ;;
    *) die "SOURCE=$SOURCE is not allowed: modelscope or hf" ;;
esac
run_step mkdir -p "$DATA"
mapfile -t missing < <(incomplete)
[ "${#missing[@]}" = 0 ] || download "${missing[@]}"
! "$IS_DRY_RUN" || exit 0

mapfile -t missing < <(incomplete)
for file in "${missing[@]}"; do
    echo "$file: $(size_of "$DATA/$file") bytes, expected ${BYTES[$file]}" >&2
done
[ "${#missing[@]}" = 0 ] ||
    die "the download is incomplete: run this again; remove a file that is too large"
echo "data/ holds the three files; train with --custom_dataset_info $ROOT/dataset_info.json"

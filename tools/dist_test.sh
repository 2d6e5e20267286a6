#!/usr/bin/env bash
# Test on several processes of this machine: bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of tools/test.py]
# Settings as in dist_train.sh.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "usage: bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of tools/test.py]" >&2
    exit 2
fi
config=$1
checkpoint=$2
processes=$3
shift 3
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$tools/launch.sh"
launch "$processes" "$tools/test.py" "$config" --load-from "$checkpoint" --launcher pytorch "$@"

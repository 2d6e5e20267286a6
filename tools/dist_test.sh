#!/usr/bin/env bash
# Test on several processes of this machine, in either order:
#   bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of tools/test.py]
#   bash tools/dist_test.sh CONFIG PROCESSES --load-from CHECKPOINT [options of tools/test.py]
# Settings as in dist_train.sh.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "usage: bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of tools/test.py]" >&2
    exit 2
fi
config=$1
if [[ $2 =~ ^[0-9]+$ ]]; then
    processes=$2
    shift 2
else
    processes=$3
    set -- --load-from "$2" "${@:4}"
fi
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$tools/launch.sh"
launch "$processes" "$tools/test.py" "$config" --launcher pytorch "$@"

#!/usr/bin/env bash
# bash tools/analysis/gpu_check.sh [OUT]
# Speed, memory and numbers of this GPU in one go, within eight minutes: OUT/gpu_check.json and OUT/gpu_check.md
# (default work_dirs/gpu_check). Nothing is downloaded; weights are random. Without a GPU it runs at tiny size.
set -euo pipefail
exec "${PYTHON:-python}" -m rgbtvg.benchmarking.gpu_check "$@"

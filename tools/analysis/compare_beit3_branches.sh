#!/usr/bin/env bash
# SimVG's branches and ALVG's attention losses side by side on the synthetic set, in rgb and rgbt, small models:
#   bash tools/analysis/compare_beit3_branches.sh [OUT_DIR] [KEY=VALUE ...]
# Trains and tests every row, then prints one table with paired intervals. KEY=VALUE go to every run (--cfg-options).
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-work_dirs/beit3_branches}
shift || true

# name, config, further options of the run
rows=(
    "simvg_decoder simvg/simvg_tiny_twostage_1"
    "simvg_token simvg/simvg_tiny_token_only"
    "simvg_distilled simvg/simvg_tiny"
    "alvg_plain alvg/alvg_tiny_plain"
    "alvg_attention alvg/alvg_tiny"
)
runs=()
for modality in rgb rgbt; do
    for row in "${rows[@]}"; do
        read -r name config <<<"$row"
        dir="$out/${name}_$modality"
        python tools/train.py "configs/$config.py" --work-dir "$dir" --resume --cfg-options "modality=$modality" "$@"
        python tools/test.py --load-from "$dir/best.pth" --work-dir "$dir/test"
        runs+=("${name}_$modality=$dir/test")
    done
done
python tools/analysis/compare.py "${runs[@]}" --split test --out "$out/table.json"

"""The benchmark as one table: every method, modality and dataset of RGBT-Ground, with the published recipes.

python tools/analysis/sweep.py configs/comparisons/rgbt_ground.py --gpus 0 1 2 3 4 5 6 7 --dry-run

It needs the data in `data/rgbt_ground` and the initial weights of docs/experiments.md in `pretrain_weights`.
"""

modalities = ["rgb", "ir", "rgbt"]
datasets = ["rgbtvg_flir", "rgbtvg_m3fd", "rgbtvg_mfad"]
splits = ["val", "test"]
baseline_modality = "rgb"
rows = {
    "TransVG": dict(config="configs/transvg/transvg_r50.py"),
    "CLIP-VG": dict(config="configs/clip_vg/clip_vg_b16.py"),
    "MMCA": dict(config="configs/mmca/mmca_r50.py"),
    "QRNet": dict(config="configs/qrnet/qrnet_swin_s.py"),
    "Dynamic-MDETR": dict(config="configs/dynamic_mdetr/dynamic_mdetr_clip_b16.py"),
    "AttBalance": dict(config="configs/attbalance/attbalance_r50.py"),
    "FSVG": dict(config="configs/fsvg/fsvg_b16_benchmark.py"),
    "FAOA": dict(config="configs/faoa/faoa_bert.py"),
    "ReSC": dict(config="configs/resc/resc_large.py"),
    "HiVG": dict(
        config=dict(
            rgb="configs/hivg/hivg_b16_mixup_rgb.py",
            ir="configs/hivg/hivg_b16_mixup_rgb.py",
            rgbt="configs/hivg/hivg_b16_mixup.py",
        )
    ),
    "OneRef": dict(config="configs/oneref/oneref_b16_224.py"),
    "SimVG": dict(config="configs/simvg/simvg_b32.py"),
    "ALVG": dict(config="configs/alvg/alvg_b32.py"),
    "RGBT-VGNet": dict(
        config=dict(
            rgb="configs/rgbt_vgnet/main/rgb_only.py",
            ir="configs/rgbt_vgnet/main/ir_only.py",
            rgbt="configs/rgbt_vgnet/rgbt_vgnet_b16.py",
        )
    ),
    "VLM": dict(
        config=dict(
            rgb="configs/vlm/qwen3_vl_8b_rgb_lora.py",
            ir="configs/vlm/qwen3_vl_8b_ir_lora.py",
            rgbt="configs/vlm/qwen3_vl_8b_residual.py",
        )
    ),
}

"""Training for pairs that are not perfect: each row adds one thing to the row before it.

The model is the miniature CLIP-VG on the synthetic set, with three epochs. Every run is tested on the test set as it
is, with thermal shifted by 7 % of the long side, with empty borders, and without the thermal or the RGB camera.
"""

rgb_start = "work_dirs/hard_pairs_rgb/best.pth"
config = "configs/miniatures/clip_vg.py"
start_options = "modality=rgb max_epochs=3 miniature_schedule.1.T_max=2"
before = [
    dict(makes="data/synthetic/manifest.json", command="tools/data/make_synthetic.py --out data/synthetic"),
    dict(
        makes=rgb_start,
        command=f"tools/train.py {config} --work-dir work_dirs/hard_pairs_rgb --resume --cfg-options {start_options}",
    ),
]
records = "docs/results/runs/hard_pairs"
seeds = [0, 1, 2]
masks = {"thermal_validity.source": "borders"}
ends = [
    "$random_crop",
    "$random_resize",
    dict(type="ColorJitter"),
    "$random_pad",
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
misaligned = dict(type="MisalignThermal", prob=0.5, shift=0.07, rotation=3.0, scale=0.05)
missing = dict(type="CameraDropout", rgb=0.1, thermal=0.1, fill="left_out", statistics="$statistics")
pipelines = {
    "dropout": ["$load_images", missing],
    "misalignment": ["$load_images", misaligned, missing],
}
trained = {
    name: {**masks, "train_pipeline": [*steps, "$thermal_validity", dict(type="CheckBoxes"), *ends]}
    for name, steps in pipelines.items()
}
rows = {
    "baseline": dict(config=config),
    "masks": dict(config=config, options=masks, against="baseline"),
    "dropout": dict(config=config, options=trained["dropout"], against="baseline"),
    "misalignment": dict(config=config, options=trained["misalignment"], against="baseline"),
    "gated": dict(
        config=config,
        options={
            **trained["misalignment"],
            "load_from": rgb_start,
            "model.neck": dict(type="ZeroGatedFusion", width=192, text_width=64, quality=True),
        },
        against="baseline",
    ),
}
changes = {
    "shifted": dict(type="Corrupt", kinds=["shift"], prob=1.0, severities=(4, 4)),
    "bordered": dict(type="EmptyBorders", prob=1.0, largest=0.3),
    "no_thermal": dict(type="Corrupt", kinds=["missing_thermal_black"], prob=1.0),
    "no_rgb": dict(type="Corrupt", kinds=["missing_rgb_black"], prob=1.0),
}
tests = {
    name: {
        "test_pipeline": [
            "$load_images_exactly",
            dict(type="Repeatable", transforms=[change], name=name),
            "$thermal_validity",
            dict(type="ResizeLongSide", size="$image_size", rgbt_resize="$rgbt_resize"),
            dict(type="PadToSquare", size="$image_size"),
            "$tokenize",
            dict(type="PackGroundingInputs"),
        ]
    }
    for name, change in changes.items()
}
options = {"max_epochs": 3, "miniature_schedule.1.T_max": 2, "num_workers": 0, "persistent_workers": False}
del rgb_start, start_options, config, masks, ends, misaligned, missing, pipelines, trained, changes

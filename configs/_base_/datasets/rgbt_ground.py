"""RGBT-Ground for ``data=rgbt_ground``: a config that reads another dataset reads the benchmark's again."""

dataset = "rgbtvg_flir"  # or rgbtvg_m3fd, rgbtvg_mfad, rgbtvg_mixup
data_root = "data/rgbt_ground"
split_root = "data/rgbt_ground/splits"
modality = "rgbt"
statistics = "$dataset"

train_dataloader = dict(dataset=dict(type="RGBTGround"))
val_dataloader = dict(dataset=dict(type="RGBTGround"))
test_dataloader = dict(dataset=dict(type="RGBTGround", split=["val", "test"]))

"""RGBT-Ground: rows of FLIR 7000, 608, 2130; of M3FD 4000, 181, 4177 or fewer; of MFAD 16000, 1256, 4250."""

dataset = "rgbtvg_flir"  # or rgbtvg_m3fd, rgbtvg_mfad, rgbtvg_mixup
data_root = "data/rgbt_ground"
split_root = "data/rgbt_ground/splits"
modality = "rgbt"
statistics = "$dataset"  # or what tools/data/measure_statistics.py prints for a set of your own

train_dataloader = dict(dataset=dict(type="RGBTGround"))
val_dataloader = dict(dataset=dict(type="RGBTGround"))
# One pass gives every split, condition and subset: the records know theirs.
test_dataloader = dict(dataset=dict(type="RGBTGround", split=["val", "test"]))

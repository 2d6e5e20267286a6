"""RGBT-Ground as whole images of any size, for models whose own processor resizes, normalises and tokenizes."""

_base_ = ["./rgbt_ground.py"]

batch_size = 4
data_preprocessor = None
train_pipeline = ["$load_images", "$thermal_validity", dict(type="PackGroundingInputs")]
test_pipeline = ["$load_images_exactly", "$thermal_validity", dict(type="PackGroundingInputs")]
train_dataloader = dict(collate_fn=dict(type="pseudo_collate"))
val_dataloader = dict(collate_fn=dict(type="pseudo_collate"))
test_dataloader = dict(collate_fn=dict(type="pseudo_collate"))

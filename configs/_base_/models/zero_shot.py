"""A general model as it is. A config names its class; `weights`, `modality` and `pair` are one line each."""

modality = "rgbt"  # or rgb, ir
pair = "both_in_turn"  # the answer of the better score; or side_by_side, one picture
batch_size = 4
data_preprocessor = None  # the model's processor normalises
model = dict(type="ZeroShotGrounder", modality="$modality", pair="$pair", general="$general")
test_dataloader = dict(collate_fn=dict(type="pseudo_collate"))  # pictures of any size
val_dataloader = dict(collate_fn=dict(type="pseudo_collate"))
train_dataloader = dict(collate_fn=dict(type="pseudo_collate"))

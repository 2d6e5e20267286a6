"""Whole pictures in 8 bits, for models with a processor of their own: they resize, pad and tokenize themselves."""

train_pipeline = ["$load_images", dict(type="PackGroundingInputs")]
test_pipeline = ["$load_images_exactly", dict(type="PackGroundingInputs")]

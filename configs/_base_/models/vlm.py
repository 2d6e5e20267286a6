"""A vision-language model that writes boxes, with low-rank updates; the file that inherits this says which."""

thermal = "rgb"  # ir; with modality rgbt both_images (two images in the prompt) or residual (added in the encoder)
vision = 16  # rank of the updates of the vision encoder, 0 for none, "full" for all of its parameters
projector = 16  # the same of what stands behind it
language = 64  # the same of the language model
thermal_rank = 48  # rank of the thermal updates of the vision encoder (residual)
thermal_layers = (-1,)  # layers of the vision encoder behind which thermal is added (residual)
lora_alpha = 32.0
lora_dropout = 0.05
bf16 = True
constrained = False  # True generates nothing but one box
max_pixels = 786432  # images with more are made smaller

model = dict(
    type="VLMGrounder",
    general="$general",
    modality="$modality",
    thermal="$thermal",
    vision="$vision",
    projector="$projector",
    language="$language",
    thermal_rank="$thermal_rank",
    layers="$thermal_layers",
    alpha="$lora_alpha",
    dropout="$lora_dropout",
    bf16="$bf16",
    constrained="$constrained",
)
recomputed = ["general.model.model.language_model.layers", "general.model.model.visual.blocks"]

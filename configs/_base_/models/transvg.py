"""TransVG on ResNet-50 and BERT; MMCA uses the same parts."""

model = dict(
    type="TransVG",
    modality="$modality",
    image_size="$image_size",
    max_length="$max_length",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(type="ResNetDETR", depth=50, pretrained="pretrain_weights/detr-r50.pth"),
    text_encoder=dict(type="BertEncoder", pretrained="pretrain_weights/bert-base-uncased"),
    fusion=dict(type="JointEncoder"),
    head=dict(type="BoxHead", width=256),
)

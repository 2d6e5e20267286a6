"""A TransVG that trains from scratch on a laptop; MMCA and Dynamic-MDETR have its encoders."""

model = dict(
    type="TransVG",
    modality="$modality",
    image_size="$image_size",
    max_length="$max_length",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(
        type="ResNetDETR",
        depth=18,
        width=96,
        num_layers=1,
        num_heads=4,
        ffn_width=192,
        dropout=0.0,
        frozen_stages=0,
        pretrained=None,
    ),
    text_encoder=dict(
        type="BertEncoder",
        arch=dict(vocab_size=512, hidden_size=96, num_hidden_layers=2, num_attention_heads=4, intermediate_size=192),
        pretrained=None,
    ),
    fusion=dict(type="JointEncoder", width=96, depth=2, num_heads=4, ffn_width=192, dropout=0.0),
    head=dict(type="BoxHead", width=96),
)

"""CLIP's towers against `transformers`, and what they can do beyond it."""

import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel

from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.models.backbones.clip import CLIPTextEncoder, CLIPVisionEncoder, patch_mask
from rgbtvg.models.backbones.clip_weights import clip_part, fit_patch_embedding, openai_to_hugging_face

VISION = dict(width=48, layers=3, heads=4, mlp_width=80, patch_size=8, image_size=32, embed_dim=24)
TEXT = dict(width=32, layers=3, heads=2, mlp_width=64, vocabulary_size=100, context_length=12, embed_dim=24)


@pytest.fixture(scope="module")
def reference() -> CLIPModel:
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config=dict(
            hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2, vocab_size=100,
            max_position_embeddings=12, eos_token_id=99, projection_dim=24,
        ),
        vision_config=dict(
            hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4, patch_size=8,
            image_size=32, projection_dim=24,
        ),
        projection_dim=24,
    )  # fmt: skip
    model = CLIPModel(config).eval()
    for parameter in model.parameters():
        parameter.data.normal_(std=0.2)
    return model


@pytest.fixture
def vision(reference) -> CLIPVisionEncoder:
    encoder = CLIPVisionEncoder(VISION, out_levels=(0, 2, 3))
    encoder.load_state_dict(clip_part(reference.state_dict(), "vision"))
    return encoder.eval()


@pytest.fixture
def text(reference) -> CLIPTextEncoder:
    encoder = CLIPTextEncoder(TEXT, out_levels=(0, 3))
    encoder.load_state_dict(clip_part(reference.state_dict(), "text"))
    return encoder.eval()


def no_padding(images):
    return torch.zeros(len(images), *images.shape[-2:], dtype=torch.bool)


def test_vision_matches_transformers_forward_and_gradient(reference, vision):
    images = torch.randn(2, 3, 32, 32)
    theirs = reference.vision_model(images, output_hidden_states=True)
    ours = vision(images, no_padding(images))
    pooled = reference.visual_projection(theirs.pooler_output)
    torch.testing.assert_close(ours.pooled, pooled, atol=1e-5, rtol=1e-5)
    for level, index in zip(ours.levels, (0, 2, 3), strict=True):
        torch.testing.assert_close(level, theirs.hidden_states[index], atol=1e-5, rtol=1e-5)
    reference.zero_grad()
    pooled.square().sum().backward()
    ours.pooled.square().sum().backward()
    gradients = {name: p.grad for name, p in reference.named_parameters() if p.grad is not None}
    for name, gradient in clip_part(
        gradients | {"visual_projection.weight": reference.visual_projection.weight.grad}, "vision"
    ).items():
        torch.testing.assert_close(vision.get_parameter(name).grad, gradient, atol=1e-5, rtol=1e-4)


def test_text_matches_transformers_forward_and_gradient(reference, text):
    token_ids = torch.tensor([[98, 5, 6, 99, 0, 0, 0, 0, 0, 0, 0, 0], [98, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 99]])
    theirs = reference.text_model(token_ids, output_hidden_states=True)
    ours = text(token_ids, token_ids == 0)
    pooled = reference.text_projection(theirs.pooler_output)
    torch.testing.assert_close(ours.pooled, pooled, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.tokens, reference.text_projection(theirs.last_hidden_state), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.levels[1], theirs.hidden_states[3], atol=1e-5, rtol=1e-5)
    reference.zero_grad()
    pooled.square().sum().backward()
    ours.pooled.square().sum().backward()
    gradients = {name: p.grad for name, p in reference.named_parameters() if p.grad is not None}
    for name, gradient in clip_part(gradients, "text").items():
        torch.testing.assert_close(text.get_parameter(name).grad, gradient, atol=1e-5, rtol=1e-4)


def test_other_image_sizes_resample_the_position_table_and_keep_the_class_row(vision):
    images = torch.randn(1, 3, 48, 64)
    features = vision(images, no_padding(images))
    assert features.grid == (6, 8)
    assert features.tokens.shape == (1, 49, 48)
    table = vision.position_embedding
    image = table[1:].reshape(1, 4, 4, 48).permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(image, (6, 8), mode="bicubic", antialias=True)
    expected = torch.cat((table[:1], resized.flatten(2)[0].t()))
    torch.testing.assert_close(vision.positions((6, 8)), expected)


def test_projected_tokens_are_the_last_norm_and_projection_of_every_token(vision):
    images = torch.randn(2, 3, 32, 32)
    raw = vision(images, no_padding(images))
    vision.project_tokens = True
    projected = vision(images, no_padding(images))
    assert projected.tokens.shape == (2, 17, 24)
    torch.testing.assert_close(projected.tokens, vision.projection(vision.post_layernorm(raw.tokens)))
    torch.testing.assert_close(projected.pooled, raw.pooled)


def test_a_module_in_a_slot_sees_language_and_changes_the_stream(vision):
    class Add(torch.nn.Module):
        def forward(self, x, language, groups):
            return x + language.mean()

    images = torch.randn(1, 3, 32, 32)
    plain = vision(images, no_padding(images)).levels
    vision.layers[1].slots["guide"] = Add()
    guided = vision(images, no_padding(images), language=torch.ones(1)).levels
    assert torch.equal(plain[0], guided[0])
    assert not torch.allclose(plain[1], guided[1])


def test_position_jitter_acts_in_training_only():
    encoder = CLIPVisionEncoder(VISION, position_jitter=0.5)
    plain = encoder.eval().positions((4, 4))
    assert torch.equal(plain, encoder.position_embedding)
    jittered = encoder.train().positions((4, 4))
    assert torch.equal(jittered[0], plain[0])
    assert not torch.allclose(jittered[1:], plain[1:])
    assert jittered[1:].max() <= plain[1:].max() + 1e-6


def test_patch_embedding_takes_other_patch_sizes_and_channels():
    weight = torch.randn(8, 3, 16, 16)
    assert fit_patch_embedding(weight, torch.Size((8, 3, 32, 32))).shape == (8, 3, 32, 32)
    widened = fit_patch_embedding(weight, torch.Size((8, 4, 16, 16)))
    assert torch.equal(widened[:, :3], weight)
    torch.testing.assert_close(widened[:, 3], weight.mean(1))


def test_patch_mask_follows_torchvision_resize():
    from torchvision.transforms import InterpolationMode, Resize

    mask = torch.zeros(3, 64, 96, dtype=torch.int32)
    mask[0, 40:] = 1
    mask[1, :, 23:] = 1
    mask[2, 8:, 8:] = 1
    wanted = Resize((4, 6), InterpolationMode.BILINEAR, antialias=True)(mask[:, None]).bool().flatten(1)
    assert torch.equal(patch_mask(mask.bool(), (4, 6)), wanted)


def test_weights_from_a_hugging_face_file(reference, tmp_path):
    state = {name: tensor.contiguous() for name, tensor in reference.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    encoder = CLIPVisionEncoder(VISION, pretrained=str(tmp_path))
    encoder.init_weights()
    torch.testing.assert_close(
        encoder.position_embedding.data, state["vision_model.embeddings.position_embedding.weight"]
    )
    with pytest.raises(CheckpointError, match="the config needs"):
        CLIPVisionEncoder(VISION | dict(width=64), pretrained=str(tmp_path)).init_weights()


def test_openai_names_become_hugging_faces(reference):
    ours = reference.state_dict()
    q, k, v = (ours[f"text_model.encoder.layers.1.self_attn.{p}_proj.weight"] for p in "qkv")
    openai = {
        "visual.proj": ours["visual_projection.weight"].t(),
        "transformer.resblocks.1.attn.in_proj_weight": torch.cat((q, k, v)),
        "transformer.resblocks.1.mlp.c_fc.weight": ours["text_model.encoder.layers.1.mlp.fc1.weight"],
        "context_length": torch.tensor(77),
    }
    converted = openai_to_hugging_face(openai)
    assert set(converted) <= set(ours)
    for name, tensor in converted.items():
        assert torch.equal(tensor, ours[name])


def test_missing_weights_are_one_sentence(tmp_path):
    with pytest.raises(CheckpointError, match="CLIP"):
        CLIPTextEncoder(TEXT, pretrained=str(tmp_path / "absent")).init_weights()


def test_unknown_sizes_are_refused():
    with pytest.raises(ConfigError, match="B/17"):
        CLIPVisionEncoder("B/17")
    with pytest.raises(ConfigError, match="out_levels"):
        CLIPVisionEncoder(VISION, out_levels=(4,))

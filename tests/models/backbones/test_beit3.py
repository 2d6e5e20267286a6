"""BEiT-3 against a statement of its maths in plain loops, and its arguments against each other."""

import math

import pytest
import torch

from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.models.backbones.beit3 import BEiT3

TINY = dict(width=8, layers=2, heads=2, ffn_width=12)


def make(**kwargs):
    torch.manual_seed(0)
    options = dict(arch=TINY, image_size=8, patch_size=4, vocab_size=11, max_words=6)
    model = BEiT3(**{**options, **kwargs}).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def batch(size=8):
    torch.manual_seed(1)
    image = torch.randn(2, 3, size, size)
    token_ids = torch.tensor([[0, 5, 7, 2], [0, 9, 2, 1]])
    return image, token_ids, token_ids == 1


def loop_norm(row, norm):
    mean = sum(row) / len(row)
    variance = sum((value - mean) ** 2 for value in row) / len(row)
    scaled = [(value - mean) / torch.sqrt(variance + 1e-5) for value in row]
    return torch.stack([s * w + b for s, w, b in zip(scaled, norm.weight, norm.bias, strict=True)])


def loop_linear(row, linear):
    return torch.stack(
        [
            sum(w * x for w, x in zip(weights, row, strict=True)) + b
            for weights, b in zip(linear.weight, linear.bias, strict=True)
        ]
    )


def loop_gelu(row):
    return torch.stack([0.5 * x * (1 + torch.erf(x / math.sqrt(2))) for x in row])


def loop_beit3(model, image, token_ids, token_padding_mask):
    """One sample, row by row: ``[class, patches, words]`` with two sets of weights."""
    rows, sides = [model.class_token[0, 0] + model.vision_positions[2]], ["vision"]
    p = model.patch_size
    for i in range(image.shape[1] // p):
        for j in range(image.shape[2] // p):
            patch = image[:, i * p : (i + 1) * p, j * p : (j + 1) * p]
            kernel = model.patch_embedding
            row = torch.stack([(w * patch).sum() + b for w, b in zip(kernel.weight, kernel.bias, strict=True)])
            rows.append(row + model.vision_positions[2 + len(rows)])
            sides.append("vision")
    visible = [True] * len(rows)
    for k, (index, real) in enumerate(zip(token_ids, ~token_padding_mask, strict=True)):
        rows.append((model.text_embedding.weight[index] + model.text_positions[2 + k]) * real)
        sides.append("text")
        visible.append(bool(real))
    for layer in model.layers:
        attention, heads = layer.attention, layer.attention.num_heads
        normed = [loop_norm(row, getattr(layer.attention_norm, side)) for row, side in zip(rows, sides, strict=True)]
        query, key, value = (
            [
                loop_linear(row, getattr(projection, side)).view(heads, -1)
                for row, side in zip(normed, sides, strict=True)
            ]
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        for n, side in enumerate(sides):
            joined = []
            for h in range(heads):
                scores = {
                    m: (query[n][h] * key[m][h]).sum() / math.sqrt(len(key[m][h]))
                    for m in range(len(rows))
                    if visible[m]
                }
                total = sum(score.exp() for score in scores.values())
                joined.append(sum(score.exp() / total * value[m][h] for m, score in scores.items()))
            out = loop_norm(torch.cat(joined), getattr(attention.inner_norm, side))
            rows[n] = rows[n] + loop_linear(out, getattr(attention.out_proj, side))
        for n, side in enumerate(sides):
            ffn = getattr(layer.ffn, side)
            hidden = loop_gelu(loop_linear(loop_norm(rows[n], getattr(layer.ffn_norm, side)), ffn.fc1))
            rows[n] = rows[n] + loop_linear(loop_norm(hidden, ffn.inner_norm), ffn.fc2)
    return torch.stack([loop_norm(row, getattr(model.norm, side)) for row, side in zip(rows, sides, strict=True)])


def test_equals_plain_loops_forward_and_gradient():
    model = make()
    image, token_ids, token_padding_mask = batch()
    out = model([image], token_ids=token_ids, token_padding_mask=token_padding_mask)
    ours = torch.cat((out.images[0].tokens, out.text.tokens), dim=1)
    plain = torch.stack(
        [loop_beit3(model, *sample) for sample in zip(image, token_ids, token_padding_mask, strict=True)]
    )
    torch.testing.assert_close(ours, plain, atol=1e-5, rtol=1e-5)
    weight = torch.randn_like(plain)
    names, parameters = zip(*model.named_parameters(), strict=True)
    got = torch.autograd.grad((ours * weight).sum(), parameters)
    want = torch.autograd.grad((plain * weight).sum(), parameters)
    for name, a, b in zip(names, got, want, strict=True):
        torch.testing.assert_close(a, b, atol=2e-4, rtol=1e-3, msg=name)


def test_padded_words_change_nothing_else():
    model = make()
    image, token_ids, token_padding_mask = batch()
    long = model([image], token_ids=token_ids, token_padding_mask=token_padding_mask)
    short = model([image[1:]], token_ids=token_ids[1:, :3], token_padding_mask=token_padding_mask[1:, :3])
    torch.testing.assert_close(long.images[0].tokens[1:], short.images[0].tokens)
    torch.testing.assert_close(long.text.tokens[1:, :3], short.text.tokens)


def test_one_kind_alone_uses_its_own_weights():
    model = make()
    image, token_ids, token_padding_mask = batch()
    alone = model([image])
    assert alone.text is None
    assert alone.images[0].tokens.shape == (2, 5, 8)
    alone.images[0].tokens.sum().backward()
    assert model.layers[0].ffn.text.fc1.weight.grad is None
    text = model(token_ids=token_ids, token_padding_mask=token_padding_mask)
    assert text.images == ()
    assert text.text.tokens.shape == (2, 4, 8)


def test_streams_and_extra_tokens_are_arguments():
    model = make()
    image, token_ids, token_padding_mask = batch()
    extra = torch.randn(2, 3, 8)
    out = model([image, image], token_ids=token_ids, token_padding_mask=token_padding_mask, extra_tokens=extra)
    assert [stream.tokens.shape for stream in out.images] == [(2, 5, 8), (2, 5, 8)]
    assert out.extra.shape == (2, 3, 8)
    # Two equal streams weigh twice in every attention, and equally.
    torch.testing.assert_close(out.images[0].tokens, out.images[1].tokens)
    other = model(
        [image, image.flip(0)], token_ids=token_ids, token_padding_mask=token_padding_mask, extra_tokens=extra
    )
    assert not torch.allclose(out.images[0].tokens, other.images[0].tokens)


def test_any_image_size_and_masked_patches():
    model = make(mask_token=True)
    image, token_ids, token_padding_mask = batch(size=16)
    padding = torch.zeros(2, 16, 16, dtype=torch.bool)
    padding[1, 8:] = True
    out = model([image], padding, token_ids, token_padding_mask)
    assert out.images[0].grid == (4, 4)
    assert out.images[0].padding_mask[1].tolist() == [False] * 9 + [True] * 8
    masked = torch.ones(2, 16, dtype=torch.bool)
    blind = model([image], padding, token_ids, token_padding_mask, masked_patches=masked)
    also_blind = model([image * 2], padding, token_ids, token_padding_mask, masked_patches=masked)
    torch.testing.assert_close(blind.text.tokens, also_blind.text.tokens)


def test_frozen_layers_stay_quiet():
    model = make(frozen_layers=1, drop_path_rate=0.9).train()
    assert not model.layers[0].training
    assert model.layers[1].training
    assert not any(parameter.requires_grad for parameter in model.layers[0].parameters())
    assert all(parameter.requires_grad for parameter in model.layers[1].parameters())


def test_reads_a_released_file_of_another_size(tmp_path):
    from rgbtvg.models.backbones.beit3_weights import INITIAL

    source = make(mask_token=True)
    state = {f"{name}": tensor for name, tensor in INITIAL.to_theirs(source.state_dict()).items()}
    state["head.weight"] = torch.zeros(2)
    path = tmp_path / "beit3_base_patch16_224.zip"
    torch.save({"model": state}, path)
    same = make(pretrained=str(path))
    same.init_weights()
    image, token_ids, token_padding_mask = batch()
    args = dict(token_ids=token_ids, token_padding_mask=token_padding_mask)
    torch.testing.assert_close(same([image], **args).text.tokens, source([image], **args).text.tokens)
    wide = make(pretrained=str(path), image_size=32, patch_size=8, in_channels=6)
    wide.init_weights()
    torch.testing.assert_close(wide.vision_positions[:3], source.vision_positions[:3])
    torch.testing.assert_close(wide.patch_embedding.weight[:, :3], wide.patch_embedding.weight[:, 3:])
    with pytest.raises(CheckpointError, match="shape"):
        make(arch=dict(TINY, ffn_width=16), pretrained=str(path)).init_weights()
    with pytest.raises(CheckpointError, match="not found"):
        make(pretrained=str(tmp_path / "none.pth")).init_weights()


def test_bad_sizes_are_one_sentence():
    with pytest.raises(ConfigError, match="multiple"):
        make(image_size=10)
    with pytest.raises(ConfigError, match="unknown BEiT-3"):
        make(arch="huge")
    model = make()
    with pytest.raises(ConfigError, match="more than the 6"):
        model(token_ids=torch.zeros(1, 7, dtype=torch.long), token_padding_mask=torch.zeros(1, 7, dtype=torch.bool))


def test_a_checkpoint_of_another_input_size_fits():
    small, large = make(), make(image_size=16)
    large.load_state_dict(small.state_dict())
    torch.testing.assert_close(large.vision_positions[:3], small.vision_positions[:3])
    assert large.vision_positions.shape == (3 + 16, 8)

"""BEiT-3's released initial weights: reading them, and fitting them to another image, patch or channel size."""

from __future__ import annotations

from torch import Size, Tensor, nn
from torch.nn import functional as F

from rgbtvg.checkpoints.converters._beit3 import beit3_rules
from rgbtvg.checkpoints.initial import read_initial_weights
from rgbtvg.checkpoints.rules import Converter, Idle
from rgbtvg.errors import CheckpointError
from rgbtvg.structures.grid_tables import resize_grid_table

FILE_PREFIX = "beit3."
# The two rows that nothing reads and the class token's.
NUM_PREFIX_POSITIONS = 3
INITIAL = Converter(
    "beit3",
    [
        *beit3_rules(FILE_PREFIX, ""),
        Idle("{head*}", "the pre-training heads are not used"),
    ],
)


def load_beit3_weights(encoder: nn.Module, path: str) -> None:
    """Fill a :class:`BEiT3` from a released file such as ``beit3_base_patch16_224.pth``, or from a file of ours.

    The vision positions are resampled to the encoder's grid and the patch kernels to its patch size.

    Raises:
        CheckpointError: the file is missing, holds no BEiT-3, or one of another architecture.
    """
    state = read_beit3(path)
    if "vision_positions" not in state:
        state = INITIAL.to_ours(state).state
    fit_to_encoder(state, encoder)
    own = encoder.state_dict()
    state = {name: tensor for name, tensor in state.items() if name in own}
    missing = sorted(name for name in set(own) - set(state) if ".slots." not in name and ".lora" not in name)
    if missing:
        raise CheckpointError(
            f"{path} lacks {len(missing)} weights of the BEiT-3 that the config asks for, {missing[0]} among them"
        )
    for name, tensor in state.items():
        if tensor.shape != own[name].shape:
            raise CheckpointError(
                f"{path}: {name} has shape {tuple(tensor.shape)}, the config asks for {tuple(own[name].shape)}"
            )
    encoder.load_state_dict(state, strict=False)


def read_beit3(path: str) -> dict[str, Tensor]:
    """State dict of a released file under its own names, or of a file of ours."""
    state = read_initial_weights(path, "BEiT-3 (beit3_base_patch16_224.pth, its 'indomain' or large sister)")
    if "vision_positions" not in state and not any(name.startswith(FILE_PREFIX) for name in state):
        raise CheckpointError(f"{path} holds no BEiT-3: no name in it starts with {FILE_PREFIX!r}")
    return {name: tensor.float() for name, tensor in state.items() if isinstance(tensor, Tensor)}


def fit_to_encoder(state: dict[str, Tensor], encoder: nn.Module) -> None:
    """Resample positions and patch kernels in place, where the encoder's differ in size."""
    if (name := "vision_positions") in state:
        side = round((len(encoder.get_parameter(name)) - NUM_PREFIX_POSITIONS) ** 0.5)
        state[name] = resize_positions(state[name], (side, side))
    if (name := "patch_embedding.weight") in state:
        state[name] = fit_patch_kernel(state[name], encoder.get_parameter(name).shape)


def resize_positions(table: Tensor, grid: tuple[int, int], mode: str = "bicubic") -> Tensor:
    """Vision position table (3 + g*g, D) of a released file for another grid.

    Args:
        mode: ``'bicubic'`` as OneRef and SimVG do it, or ``'bilinear'`` as the RGB-T benchmark's converter does.
    """
    return resize_grid_table(table, grid, NUM_PREFIX_POSITIONS, mode=mode, antialias=False)


def fit_patch_kernel(kernel: Tensor, shape: Size) -> Tensor:
    """Patch kernels (D, 3, p, p) for the shape (D, C, P, P).

    Sizes are resampled bicubically with the values as they are (SimVG), so that activations grow with the patch. For
    twice the channels (RGB and thermal stacked) the kernels are repeated and halved: two equal images give what one
    gave before.
    """
    if kernel.shape[-2:] != shape[-2:]:
        kernel = F.interpolate(kernel.float(), tuple(shape[-2:]), mode="bicubic", align_corners=False)
    copies, rest = divmod(shape[1], kernel.shape[1])
    if rest == 0 and copies > 1:
        kernel = kernel.repeat(1, copies, 1, 1) / copies
    return kernel

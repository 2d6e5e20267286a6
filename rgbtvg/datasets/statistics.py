"""Named pixel statistics: what the preprocessor subtracts and divides by, per dataset and stream.

Values are on [0, 1]. Those of the RGBT-Ground sets are the benchmark's published ones, pixel-weighted over train, val
and test together; those of the synthetic set are its training pictures' own. The benchmark itself leaves thermal
undefined for ``rgbtvg_mixup`` alone and for the classic sets, and falls back to ImageNet for ``rgbtvg_mixup`` in
colour; here every name has every stream.
"""

from __future__ import annotations

from dataclasses import dataclass

from rgbtvg.errors import ConfigError


@dataclass(frozen=True)
class PixelStatistics:
    """Mean and standard deviation of a stream: three values for colour, one for thermal.

    A thermal picture that goes through a three-channel encoder without statistics of its own has three values too:
    its copies are then normalised as red, green and blue.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]


def _rgbt(
    rgb_mean: tuple[float, ...], rgb_std: tuple[float, ...], ir_mean: float, ir_std: float
) -> dict[str, PixelStatistics]:
    return {"rgb": PixelStatistics(rgb_mean, rgb_std), "ir": PixelStatistics((ir_mean,), (ir_std,))}


def _rgb_only(mean: tuple[float, ...], std: tuple[float, ...]) -> dict[str, PixelStatistics]:
    return {"rgb": PixelStatistics(mean, std), "ir": PixelStatistics(mean, std)}


_IMAGENET = _rgb_only((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

STATISTICS: dict[str, dict[str, PixelStatistics]] = {
    "rgbtvg_flir": _rgbt((0.631, 0.6401, 0.632), (0.2152, 0.227, 0.2439), 0.5337, 0.2562),
    "rgbtvg_m3fd": _rgbt((0.5013, 0.5067, 0.4923), (0.1948, 0.1989, 0.2117), 0.3264, 0.199),
    "rgbtvg_mfad": _rgbt((0.4733, 0.4695, 0.4622), (0.1654, 0.1646, 0.1749), 0.3393, 0.2063),
    "rgbtvg_mixup": _rgbt((0.5103, 0.5111, 0.502), (0.1926, 0.1973, 0.2091), 0.3735, 0.2289),
    "rgbtvg_synthetic": _rgbt((0.3632, 0.3758, 0.3782), (0.2505, 0.2557, 0.2704), 0.3947, 0.1294),
    "imagenet": _IMAGENET,
    "clip": _rgb_only((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "half": _rgb_only((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    **dict.fromkeys(("unc", "unc+", "gref", "gref_umd", "referit", "flickr", "mixup"), _IMAGENET),
}
"""Name -> stream -> statistics. ``half`` maps [0, 1] to [-1, 1], as BEiT-3 was pre-trained."""


def get_statistics(name: str, stream: str) -> PixelStatistics:
    """Statistics of a stream by the name of a dataset or of a pre-training.

    Raises:
        ConfigError: unknown name, or a stream that the name has no values for.
    """
    if name not in STATISTICS:
        raise ConfigError(f"no pixel statistics are named {name!r}; there are {', '.join(sorted(STATISTICS))}")
    if stream not in STATISTICS[name]:
        raise ConfigError(f"the pixel statistics {name!r} have no values for the stream {stream!r}")
    return STATISTICS[name][stream]

"""Named pixel statistics: what the preprocessor subtracts and divides by, per dataset and stream.

Values are on [0, 1]. Those of the RGBT-Ground sets are the benchmark's published ones, pixel-weighted over train, val
and test together; those of the synthetic set are its training images' own. The benchmark itself leaves thermal
undefined for ``rgbtvg_mixup`` alone and for the classic sets, and falls back to ImageNet for ``rgbtvg_mixup`` in
colour; here every name has every stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rgbtvg.datasets.thermal import get_thermal_normalisation
from rgbtvg.errors import ConfigError


@dataclass(frozen=True)
class PixelStatistics:
    """Mean and standard deviation of a stream: three values for colour, one for thermal.

    A thermal image that goes through a three-channel encoder without statistics of its own has three values too:
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


Statistics = str | Mapping[str, Mapping[str, Sequence[float]]]


def get_statistics(statistics: Statistics, stream: str, thermal_normalisation: str = "dataset") -> PixelStatistics:
    """Statistics of a stream.

    Args:
        statistics: name in :data:`STATISTICS`, of a dataset or of a pre-training; or ``{stream: dict(mean=[...],
            std=[...])}`` on [0, 1], as ``tools/data/measure_statistics.py`` prints it.
        stream: ``'rgb'`` or ``'ir'``.
        thermal_normalisation: name in `rgbtvg.datasets.thermal`. One that changes the distribution of thermal values
            has statistics of its own, which take the place of named ones.

    Raises:
        ConfigError: unknown name, or a stream that there are no values for.
    """
    if not isinstance(statistics, str):
        if stream not in statistics:
            raise ConfigError(f"statistics must have mean and std for the stream {stream!r}, got {sorted(statistics)}")
        return PixelStatistics(tuple(statistics[stream]["mean"]), tuple(statistics[stream]["std"]))
    if statistics not in STATISTICS:
        raise ConfigError(
            f"no pixel statistics are named {statistics!r}; there are {', '.join(sorted(STATISTICS))}: set "
            "statistics=imagenet, or what tools/data/measure_statistics.py prints for your data"
        )
    if stream not in STATISTICS[statistics]:
        raise ConfigError(f"the pixel statistics {statistics!r} have no values for the stream {stream!r}")
    normalisation = get_thermal_normalisation(thermal_normalisation)
    if stream == "ir" and normalisation.mean is not None and normalisation.std is not None:
        return PixelStatistics((normalisation.mean,), (normalisation.std,))
    return STATISTICS[statistics][stream]

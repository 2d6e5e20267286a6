"""Align thermal images with RGB images of a second camera, by one homography for all pairs.

RGB and THERMAL are two images, or two folders whose images have equal names up to the suffix. The homography comes
from points (--points), from an earlier alignment (--alignment), or from the edges that both images show.

python tools/data/align.py photos/rgb photos/thermal --out photos/aligned
python tools/data/align.py photos/rgb photos/thermal --points points.csv --out photos/aligned

points.csv has the columns rgb_x, rgb_y, thermal_x and thermal_y: pixels of at least four places, spread over the image.
OUT gets the thermal images as PNG in the frame of RGB, and alignment.json. OUT_check.jpg beside it shows the fit.
"""

import argparse
from pathlib import Path

TRIED = 8
"""Pairs whose edges are matched; the one nearest to their median decides."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rgb", type=Path, metavar="RGB", help="an image or a folder")
    parser.add_argument("thermal", type=Path, metavar="THERMAL", help="an image or a folder")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder for the aligned images")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--points", metavar="FILE.csv", help="pixels of equal places in both images of the first pair")
    source.add_argument("--alignment", metavar="FILE.json", help="alignment of an earlier call")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    import numpy as np
    from PIL import Image

    from rgbtvg.datasets.image_files import read_image
    from rgbtvg.errors import ConfigError, DataError
    from rgbtvg.inspection.alignment import Alignment, agreed_by_edges, align_by_points, draw_alignment, read_points

    pairs = pairs_of(args.rgb, args.thermal)
    if args.out.resolve() in {path.parent.resolve() for pair in pairs for path in pair}:
        raise ConfigError("the result must not replace the images: name another folder with --out")
    first = read_image(pairs[0][0])[0], read_image(pairs[0][1], stream="ir")[0]
    if args.alignment:
        alignment = Alignment.load(args.alignment)
    elif args.points:
        alignment = align_by_points(first[0].size, first[1].size, *read_points(args.points))
    else:
        step = max(1, len(pairs) // TRIED)
        tried = [(read_image(rgb)[0], read_image(ir, stream="ir")[0]) for rgb, ir in pairs[::step][:TRIED]]
        found = agreed_by_edges(tried)
        if found is None:
            raise DataError("the edges of the images do not match: give four or more places with --points")
        alignment = found
    args.out.mkdir(parents=True, exist_ok=True)
    for _, path in pairs:
        try:
            warped = alignment.warp(np.asarray(read_image(path, stream="ir")[0]))
        except DataError as error:
            raise DataError(f"{path}: {error}; align each size in a folder of its own") from None
        Image.fromarray(warped).save(args.out / f"{path.stem}.png")
    alignment.save(args.out / "alignment.json")
    check = args.out.with_name(f"{args.out.name}_check.jpg")  # not among the images of a data set
    draw_alignment(*first, alignment).save(check, quality=90)
    by_points = alignment.method == "points"
    fit = f"median error {alignment.error:.1f} px" if by_points else f"correlation of edges {1 - alignment.error:.2f}"
    print(f"{len(pairs)} thermal images in {args.out}; {fit}; look at {check}")


def pairs_of(rgb: Path, thermal: Path) -> list[tuple[Path, Path]]:
    """The two images, or those of equal names in two folders."""
    from rgbtvg.datasets.image_folder import image_pairs

    if rgb.is_file() and thermal.is_file():
        return [(rgb, thermal)]
    return [(colour, warm) for colour, warm in image_pairs(rgb, thermal) if colour and warm]

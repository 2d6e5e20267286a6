"""Image folders of the classic sets under a data root, as the common code bases arrange them."""

from __future__ import annotations

from pathlib import Path

from rgbtvg.datasets.image_folder import ImageFolders
from rgbtvg.errors import DataError

IMAGE_PLACES: dict[str, tuple[str, ...]] = {
    "coco": (
        "other/images/mscoco/images/train2014",
        "images/mscoco/train2014",
        "coco/train2014",
        "train2014",
    ),
    "referit": ("referit/images", "images/saiaprtc12"),
    "flickr": ("Flickr30k/flickr30k-images", "Flickr30k/flickr30k_images", "flickr30k_images", "images/flickr30k"),
    "visual-genome": ("images/visual-genome", "images/vg"),
}
"""Set of images -> folders in order of precedence: TransVG's, CLIP-VG's, HiVG's, OneRef's, then SeqTR's and SimVG's."""


class PublishedImages:
    """Paths of the classic sets' images; folders are listed when first needed.

    Args:
        root: the data root.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = root
        self._folders: dict[str, ImageFolders] = {}
        self._paths: dict[tuple[str, str], str] = {}  # one string for the many rows of an image

    def path(self, images: str, file_name: str) -> str:
        """Path of an image of a set; of a missing one, where it should be.

        Raises:
            DataError: no folder of that set exists, or the name is not a relative one.
        """
        if images not in self._folders:
            self._folders[images] = ImageFolders(self.root, IMAGE_PLACES[images]).require(f"{images} images")
        if not isinstance(file_name, str):
            raise DataError(f"the file name must be text, got {file_name!r:.80}")
        if (images, file_name) not in self._paths:
            self._paths[images, file_name] = self._folders[images].place(file_name)
        return self._paths[images, file_name]


def image_name(images: str, number: int) -> str:
    """File name of an image that an annotation gives by number."""
    return f"COCO_train2014_{number:012d}.jpg" if images == "coco" else f"{number}.jpg"

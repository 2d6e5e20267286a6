"""RGB-thermal pedestrian sets with folders of their own: LLVIP and KAIST."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rgbtvg.datasets.conversion.annotation_files import LabelledObject, Size, read_bbgt, read_voc
from rgbtvg.datasets.conversion.detection import (
    AnnotatedPair,
    DetectionReader,
    first_with,
    folder_of,
    folders_in,
)
from rgbtvg.datasets.image_folder import by_stem
from rgbtvg.errors import DataError
from rgbtvg.registry import DETECTION_READERS


@DETECTION_READERS.register_module(name="llvip")
class LLVIP(DetectionReader):
    """LLVIP (Jia et al., ICCV workshops 2021), 15488 pairs of 1280x1024 with persons by night:
    ``visible/{train,test}/010001.jpg``, ``infrared/{train,test}/010001.jpg``, ``Annotations/[train/]010001.xml`` (VOC).

    Capitals do not matter in folder names.
    """

    dataset = "llvip"

    def pairs(self) -> Iterator[AnnotatedPair]:
        root = first_with(self.root, ("visible", "infrared", "Annotations"), ("", "LLVIP"))
        visible, thermal, annotated = (folder_of(root, name) for name in ("visible", "infrared", "Annotations"))
        together = by_stem(annotated, {".xml"})
        for folder in folders_in(visible):
            annotations = {**together, **by_stem(annotated / folder.name, {".xml"})}
            images = {"rgb": by_stem(folder), "ir": by_stem(thermal / folder.name)}
            for name in sorted(images["rgb"].keys() | images["ir"].keys()):
                found = {stream: files.get(name) for stream, files in images.items()}
                yield from self._pair(name, folder.name.lower(), found, annotations.get(name))


FRAME = re.compile(
    r"(?P<set>set\d+)[/_](?P<video>V\d+)[/_](?:(?P<stream>visible|lwir)[/_])?(?P<frame>I\d+)\.(txt|xml)",
    re.IGNORECASE,
)
"""A frame's annotation in a folder: nested or in one name; of the pair, or one for each stream."""


@DETECTION_READERS.register_module(name="kaist")
class KAIST(DetectionReader):
    """KAIST multispectral pedestrians (Hwang et al., CVPR 2015), frames of 640x512.

    ``[images/]set00/V000/{visible,lwir}/I00000.jpg`` and a folder of annotations, bbGt version 3 (``.txt``) or VOC with
    ``x y w h`` (``.xml``), arranged as

    - ``set00/V000/I00000.txt``: the original, the corrected and the sanitized ones;
    - ``set00_V000_I00000.txt``: the sanitized ones in one folder;
    - ``set00/V000/{visible,lwir}/I00000.txt``: the paired ones of Zhang et al. (ICCV 2019). The box of the visible
      image is taken, since RGB is the frame of a pair.

    Sets 00 to 05 are for training, 06 to 11 for testing; 03 to 05 and 09 to 11 were taken by night.

    Args:
        annotations: name of the folder of annotations where there are several.
    """

    dataset = "kaist"
    categories = {"person?": "person", "person?a": "person"}

    def __init__(self, root: str | Path, skip_broken: bool = False, annotations: str | None = None) -> None:
        super().__init__(root, skip_broken)
        self.annotations = annotations

    def pairs(self) -> Iterator[AnnotatedPair]:
        images = first_with(self.root, (), ("images", ""), pattern="set*/V*/visible")
        folder = self._annotation_folder()
        folders: dict[Path, dict[str, Path]] = {}
        for (video, sequence, frame), annotation in sorted(_frames(folder).items()):
            found = {}
            for stream, name in (("rgb", "visible"), ("ir", "lwir")):
                place = images / video / sequence / name
                if place not in folders:
                    folders[place] = by_stem(place)
                found[stream] = folders[place].get(frame)
            number = int(video.removeprefix("set"))
            split = "train" if number < 6 else "test"
            time = "day" if number % 6 < 3 else "night"
            yield from self._pair(f"{video}/{sequence}/{frame}", split, found, annotation, time=time)

    def objects(self, pair: AnnotatedPair) -> tuple[Size | None, list[LabelledObject]]:
        return read_voc(pair.annotation) if pair.annotation.suffix.lower() == ".xml" else read_bbgt(pair.annotation)

    def _annotation_folder(self) -> Path:
        if self.annotations is not None:
            folder = self.root / self.annotations
            if not folder.is_dir():
                raise DataError(f"there is no folder {folder}")
            return folder
        found = [folder for folder in folders_in(self.root) if next(iter(_matches(folder)), None)]
        if len(found) == 1:
            return found[0]
        if not found:
            raise DataError(
                f"{self.root} has no folder with annotations such as annotations/set00/V000/I00000.txt or "
                "annotations/set00_V000_I00000.txt"
            )
        raise DataError(
            f"{self.root} has several folders of annotations: {', '.join(folder.name for folder in found)}; "
            "name one with --annotations"
        )


def _matches(folder: Path) -> Iterator[tuple[re.Match[str], Path]]:
    """Annotations of frames in a folder."""
    for pattern in ("set*/V*/I*", "set*/V*/*/I*", "set*_V*_I*", "*/set*_V*_I*"):
        for path in folder.glob(pattern):
            name = path.name if "_V" in path.name else path.relative_to(folder).as_posix()
            match = FRAME.fullmatch(name)
            if match is not None:
                yield match, path


def _frames(folder: Path) -> dict[tuple[str, str, str], Path]:
    """(set, video, frame) -> its annotation; that of the visible image where each stream has its own."""
    frames: dict[tuple[str, str, str], Path] = {}
    for match, path in _matches(folder):
        key = match["set"], match["video"], match["frame"]
        if match["stream"] != "lwir" or key not in frames:
            frames[key] = path
    return frames

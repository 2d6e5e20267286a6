"""Image files that attack the reader: wrong formats, decompression bombs, damaged data."""

import ast
import io
import os
import struct
import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

import rgbtvg
from rgbtvg.apis.inferencer import open_image
from rgbtvg.datasets import image_decoding, image_files
from rgbtvg.datasets.image_files import image_size, read_image
from rgbtvg.datasets.transforms import LoadImages
from rgbtvg.errors import DataError
from tests.datasets.test_flir import fff, radiometric_jpeg

PIXELS = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
HUGE = 20_000
"""Side of a square image above the limit."""


def encoded(name, pixels=PIXELS, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, name, **options)
    return buffer.getvalue()


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_bomb(bits=8, colour=2, width=HUGE, height=HUGE):
    """The header of a large PNG before a few rows of zeros."""
    body = zlib.compress(bytes(10**6))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def tiff(fields, order="<", big=False, body=b""):
    """A TIFF of one directory with (tag, value) fields of 32 bits."""
    mark = b"II" if order == "<" else b"MM"
    if big:
        head = mark + struct.pack(f"{order}HHHQ", 43, 8, 0, 16)
        entries = b"".join(struct.pack(f"{order}HHQII", tag, 4, 1, value, 0) for tag, value in fields)
        return head + struct.pack(f"{order}Q", len(fields)) + entries + bytes(8) + body
    head = mark + struct.pack(f"{order}HI", 42, 8)
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in fields)
    return head + struct.pack(f"{order}H", len(fields)) + entries + bytes(4) + body


def tiff_fields(width, height, **more):
    tags = dict(bits=258, compression=259, photometric=262, offset=273, samples=277, rows=278, size=279)
    values = dict(bits=8, compression=1, photometric=1, offset=8, samples=1, rows=height, size=99) | more
    return [(256, width), (257, height), *((tag, values[name]) for name, tag in tags.items())]


def resized_jpeg(width, height):
    data = bytearray(encoded("JPEG"))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp_bomb():
    frame = encoded("WEBP", lossless=True)[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xfe\x3f\x00" * 2  # 16383 x 16383
    return b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(frame)) + b"WEBP" + canvas + frame


def flir_bomb():
    """A FLIR JPEG of 32x24 whose raw image is a PNG of 30000x30000."""
    body = png_bomb(16, 0, 30_000, 30_000)
    record = struct.pack("<HHH", 2, 30_000, 30_000).ljust(32, b"\0") + body
    return radiometric_jpeg(fff(record))


BOMBS = {
    "png": png_bomb,
    "16-bit png": lambda: png_bomb(16),
    "long png": lambda: png_bomb(8, 0, 2**31 - 1, 1),
    "tiff": lambda: tiff(tiff_fields(HUGE, HUGE)),
    "big-endian tiff": lambda: tiff(tiff_fields(HUGE, HUGE), ">"),
    "bigtiff": lambda: tiff(tiff_fields(HUGE, HUGE), big=True),
    "float tiff": lambda: tiff([*tiff_fields(HUGE, HUGE, bits=64), (339, 3)]),
    "tiff with large tiles": lambda: tiff([*tiff_fields(32, 24), (322, 60_000), (323, 60_000), (324, 8), (325, 99)]),
    "jpeg": lambda: resized_jpeg(HUGE, HUGE),
    "bmp": lambda: b"BM" + struct.pack("<4I2i2H2I", 99, 0, 54, 40, HUGE, HUGE, 1, 24, 0, 0) + bytes(99),
    "ppm": lambda: b"P6 20000 20000 255\n" + bytes(99),
    "webp": webp_bomb,
}


@pytest.fixture
def no_decoding(monkeypatch):
    """Fails the test when any decoder starts."""

    def decode(*args, **kwargs):
        raise AssertionError("a decoder was started")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    monkeypatch.setattr(cv2, "imdecode", decode)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("stream", ["rgb", "ir"])
@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_by_its_header(tmp_path, no_decoding, kind, stream):
    path = tmp_path / "x.jpg"
    path.write_bytes(BOMBS[kind]())
    for read in (lambda: read_image(path, stream=stream), lambda: image_size(path)):
        with pytest.raises(DataError, match=r"^image .*x\.jpg cannot be read: it has .*limit of 67 million"):
            read()


def test_flir_raw_data_are_refused_by_their_header(tmp_path, no_decoding):
    path = tmp_path / "x.jpg"
    path.write_bytes(flir_bomb())
    assert path.stat().st_size < 10**6
    with pytest.raises(DataError, match="30000x30000 pixels, more than the limit"):
        read_image(path, stream="ir")


def test_a_size_given_twice_is_refused(tmp_path):
    fields = [(256, HUGE), *tiff_fields(32, 24, bits=64)]
    (tmp_path / "x.tif").write_bytes(tiff(fields, body=bytes(9999)))
    with pytest.raises(DataError, match="repeats a size"):
        read_image(tmp_path / "x.tif", stream="ir")


def test_a_jpeg_of_thousands_of_scans_is_refused(tmp_path, no_decoding):
    data = resized_jpeg(8000, 8000)
    (tmp_path / "x.jpg").write_bytes(data[:-2] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" * 1000 + data[-2:])
    with pytest.raises(DataError, match="too many scans"):
        read_image(tmp_path / "x.jpg")


@pytest.mark.parametrize("kind", ["EPS", "GIF", "ICO", "TGA", "PCX", "PDF", "JPEG2000", "DDS", "SGI", "AVIF"])
def test_only_the_documented_formats_are_opened(tmp_path, monkeypatch, kind):
    def start(*args, **kwargs):
        raise AssertionError("a program was started")

    for name in ("Popen", "run", "check_call"):
        monkeypatch.setattr(subprocess, name, start)
    path = tmp_path / "x.jpg"
    path.write_bytes(encoded(kind, np.resize(PIXELS, (64, 64, 3))))
    for read in (lambda: read_image(path), lambda: image_size(path), lambda: open_image(path, "ir")):
        with pytest.raises(DataError, match=r"not an image of a supported format \(JPEG, PNG") as caught:
            read()
        assert "BytesIO" not in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "TIFF", "BMP", "WEBP", "PPM"])
def test_the_documented_formats_are_opened_whatever_their_name(tmp_path, kind):
    several = {"save_all": True, "append_images": [Image.new("RGB", (32, 24))]}
    frames = several if kind in ("MPO", "TIFF", "WEBP") else {}
    (tmp_path / "x.eps").write_bytes(encoded(kind, **frames))
    assert read_image(tmp_path / "x.eps")[0].size == (32, 24)
    page = Path(rgbtvg.__file__).parents[1] / "docs/security.md"
    assert image_decoding.FORMAT_NAMES in page.read_text()


def test_no_other_module_decodes_images():
    # The benchmark decodes files that it has written, and the corruptions of RGB what they have encoded.
    allowed = {"image_decoding.py", "loading_benchmark.py", "rgb.py"}
    for path in sorted(Path(rgbtvg.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and path.name not in allowed:
                name = ast.unparse(node)
                assert name not in ("Image.open", "cv2.imread", "cv2.imdecode", "mmcv.imread", "imageio.imread"), path


ERRORS = [MemoryError(), cv2.error("too large"), Image.DecompressionBombError("x"), KeyError(1)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_of_a_decoder_is_one_sentence(tmp_path, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    (tmp_path / "x.png").write_bytes(encoded("PNG", np.zeros((24, 32, 4), np.uint8)))
    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(DataError, match=r"^image .*x\.png cannot be read: .+"):
        read_image(tmp_path / "x.png")


def test_what_is_not_a_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    for path in (tmp_path / "x.png", Path("/dev/zero"), tmp_path):
        with pytest.raises(DataError, match="it is not a file"):
            read_image(path)


def test_a_file_of_terabytes_is_not_read(tmp_path):
    with (tmp_path / "x.png").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match=r"the file is larger than 1\.1 GB"):
        read_image(tmp_path / "x.png")


def test_images_in_memory_and_annotated_sizes_have_the_same_limit():
    huge = Image.frombuffer("1", (64, 64), bytes(512))
    huge._size = (HUGE, HUGE)
    large = np.broadcast_to(np.uint8(0), (HUGE, HUGE))
    for wrong in (huge, large, np.zeros((0, 5, 3), np.uint8), np.zeros((5, 0), np.uint8)):
        with pytest.raises(DataError, match=r"^the RGB image cannot be read: it has "):
            open_image(wrong, "rgb")
    with pytest.raises(DataError, match="limit of 67 million"):
        LoadImages("ir")({"images": {"ir": PIXELS[..., 0]}, "image_paths": {}, "size": (10**6, 10**6)})


@pytest.mark.parametrize("stream", ["rgb", "ir"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "PPM", "deep PNG", "deep TIFF", "float TIFF"])
def test_damaged_files_are_images_or_one_sentence(tmp_path, kind, stream):
    generator = np.random.default_rng(len(kind))
    deep = PIXELS.astype(np.uint16) * 257
    whole = {
        "deep PNG": lambda: cv2.imencode(".png", deep)[1].tobytes(),
        "deep TIFF": lambda: cv2.imencode(".tiff", deep)[1].tobytes(),
        "float TIFF": lambda: cv2.imencode(".tiff", PIXELS.astype(np.float64))[1].tobytes(),
    }.get(kind, lambda: encoded(kind))()
    path = tmp_path / "x"
    for _ in range(60):
        data = bytearray(whole)
        for place in generator.integers(0, min(len(data), 400), 3):
            data[place] = generator.integers(256)
        path.write_bytes(data[: generator.integers(1, len(data) + 1)] if generator.random() < 0.3 else data)
        try:
            image, shape, _ = image_files.read_image(path, stream=stream)
            assert np.asarray(image).shape[:2] == shape
        except DataError as error:
            assert "\n" not in str(error)
            assert "BytesIO" not in str(error)

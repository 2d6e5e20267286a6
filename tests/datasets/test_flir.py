"""FLIR radiometric files, written byte by byte."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from rgbtvg.apis.inferencer import open_image
from rgbtvg.datasets.flir import FlirError, read_flir_raw
from rgbtvg.datasets.transforms import LoadImages
from rgbtvg.errors import DataError

WIDTH, HEIGHT = 24, 16
RAMP = (np.linspace(7000, 9000, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)).astype(np.uint16)
SEGMENT = 300
"""Bytes of the FFF file in one APP1 segment; cameras take nearly 64 KB."""


def png(values):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def raw_record(values, body=None, order="<"):
    height, width = values.shape
    header = struct.pack(f"{order}HHH", 2, width, height).ljust(32, b"\0")
    return header + (values.astype(f"{order}u2").tobytes() if body is None else body)


def fff(record, order=">", kind=1):
    """Header of 64 bytes, a directory of two records, the records."""
    other = b"camera information"
    start = 64 + 2 * 32
    header = b"FFF\0" + b"ACAM".ljust(16, b"\0") + struct.pack(f"{order}III", 101, 64, 2)
    entries = b"".join(
        struct.pack(f"{order}HHIIII", number, 0, 100, 0, offset, length).ljust(32, b"\0")
        for number, offset, length in ((0x20, start, len(other)), (kind, start + len(other), len(record)))
    )
    return header.ljust(64, b"\0") + entries + other + record


def radiometric_jpeg(file, size=(WIDTH, HEIGHT), segments=None, exif=b""):
    """A JPEG that shows a coloured rendering and carries the FFF file behind its start marker."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 40, 90)).save(buffer, "JPEG", **({"exif": exif} if exif else {}))
    chunks = [file[start : start + SEGMENT] for start in range(0, len(file), SEGMENT)]
    kept = range(len(chunks)) if segments is None else segments
    inserted = b""
    for number in kept:
        content = b"FLIR\0\x01" + bytes((number, len(chunks) - 1)) + chunks[number]
        inserted += b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    jpeg = buffer.getvalue()
    return jpeg[:2] + inserted + jpeg[2:]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("record_order", "<>")
def test_bare_values_in_either_byte_order(order, record_order):
    data = radiometric_jpeg(fff(raw_record(RAMP, order=record_order), order))
    found = read_flir_raw(data)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, RAMP)


@pytest.mark.parametrize("written", [RAMP, RAMP.byteswap()], ids=["right", "as most cameras do"])
def test_png_in_either_byte_order(written):
    np.testing.assert_array_equal(read_flir_raw(radiometric_jpeg(fff(raw_record(RAMP, png(written))))), RAMP)


def test_segments_may_come_in_any_order():
    file = fff(raw_record(RAMP))
    count = -(-len(file) // SEGMENT)
    np.testing.assert_array_equal(read_flir_raw(radiometric_jpeg(file, segments=reversed(range(count)))), RAMP)


def test_files_without_a_raw_image_give_none():
    assert read_flir_raw(radiometric_jpeg(b"")) is None
    assert read_flir_raw(radiometric_jpeg(fff(raw_record(RAMP), kind=7))) is None
    plain = radiometric_jpeg(b"")
    assert read_flir_raw(plain + b"FLIR\0 behind the image") is None


GOOD = fff(raw_record(RAMP))
BROKEN = {
    "a missing segment": radiometric_jpeg(GOOD, segments=[0, 2]),
    "no FFF file": radiometric_jpeg(b"\0\0\0" + GOOD[3:]),
    "a cut-off record": radiometric_jpeg(GOOD[:-100]),
    "a cut-off directory": radiometric_jpeg(GOOD[:70]),
    "an unknown version": radiometric_jpeg(GOOD[:20] + b"\0" * 4 + GOOD[24:]),
    "an unknown compression": radiometric_jpeg(fff(raw_record(RAMP, b"\xff\xd8 some other format"))),
    "a png of another size": radiometric_jpeg(fff(raw_record(RAMP, png(RAMP[:4])))),
    "no byte order": radiometric_jpeg(fff(b"\x07" * 700)),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_flir_data_are_one_sentence_naming_the_file(tmp_path, kind):
    with pytest.raises(FlirError, match="FLIR"):
        read_flir_raw(BROKEN[kind])
    (tmp_path / "x.jpg").write_bytes(BROKEN[kind])
    with pytest.raises(DataError, match=r"^image .*x\.jpg cannot be read: .*FLIR"):
        LoadImages("ir")({"image_paths": {"ir": str(tmp_path / "x.jpg")}})


def test_any_cut_of_the_file_is_an_image_or_a_sentence(tmp_path):
    data = radiometric_jpeg(GOOD)
    for length in range(0, len(data), 37):
        (tmp_path / "x.jpg").write_bytes(data[:length])
        try:
            LoadImages("ir")({"image_paths": {"ir": str(tmp_path / "x.jpg")}})
        except DataError as error:
            assert "\n" not in str(error)


def test_thermal_takes_the_sensor_and_rgb_the_rendering(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(radiometric_jpeg(fff(raw_record(RAMP))))
    images = LoadImages("rgbt")({"image_paths": {"rgb": str(path), "ir": str(path)}})["images"]
    assert images["rgb"][0, 0].tolist() == pytest.approx([200, 40, 90], abs=4)
    assert (images["ir"][0, 0], images["ir"][-1, -1]) == (0, 255)
    np.testing.assert_array_equal(np.asarray(open_image(path, "ir")), RAMP)


def test_a_small_sensor_takes_the_size_and_rotation_of_its_jpeg(tmp_path):
    path = tmp_path / "x.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    path.write_bytes(radiometric_jpeg(fff(raw_record(RAMP)), (2 * WIDTH, 2 * HEIGHT), exif=exif.tobytes()))
    results = LoadImages("ir")({"image_paths": {"ir": str(path)}})
    assert results["ori_shape"] == results["images"]["ir"].shape == (2 * WIDTH, 2 * HEIGHT)
    upright = results["images"]["ir"].astype(int)
    assert upright[:, -1].mean() < upright[:, 0].mean()  # the top row of the sensor is the right column

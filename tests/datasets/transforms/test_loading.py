import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from rgbtvg.datasets.image_files import image_size, read_image
from rgbtvg.datasets.transforms import LoadImages, LoadMasks, loading
from rgbtvg.datasets.transforms.loading import to_rgb
from rgbtvg.errors import ConfigError, DataError

WIDTH, HEIGHT = 32, 24
RAMP = np.linspace(0, 255, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint8)
COLOURS = np.dstack((RAMP, RAMP[::-1], RAMP[:, ::-1]))


def load(images, modality="rgb", **kwargs):
    """Results of loading files (or the arrays and images given)."""
    paths = {stream: str(image) for stream, image in images.items()}
    options = {key: kwargs.pop(key) for key in ("thermal_range", "draft_size") if key in kwargs}
    return LoadImages(modality, **options)({"image_paths": paths, "boxes": [[4.0, 4.0, 12.0, 10.0]], **kwargs})


@pytest.fixture
def file(tmp_path):
    def save(image, name="x.png", **kwargs):
        image.save(tmp_path / name, **kwargs)
        return tmp_path / name

    return save


RGB_KINDS = {
    "rgb": (Image.fromarray(COLOURS), "x.png", COLOURS),
    "grey": (Image.fromarray(RAMP), "x.png", np.dstack([RAMP] * 3)),
    "rgba": (Image.fromarray(np.dstack((COLOURS, RAMP))), "x.png", COLOURS),
    "grey and alpha": (Image.fromarray(np.dstack((RAMP, RAMP)), "LA"), "x.png", np.dstack([RAMP] * 3)),
    "palette": (Image.fromarray(RAMP).convert("P"), "x.png", np.dstack([RAMP] * 3)),
    "16 bit": (Image.fromarray(RAMP.astype(np.uint16) * 257), "x.png", np.dstack([RAMP] * 3)),
    "bilevel": (Image.fromarray(RAMP > 127), "x.png", np.dstack([(RAMP > 127) * np.uint8(255)] * 3)),
    "cmyk": (
        Image.fromarray(COLOURS).convert("CMYK"),
        "x.tif",
        np.asarray(Image.fromarray(COLOURS).convert("CMYK").convert("RGB")),
    ),
}


@pytest.mark.parametrize("kind", RGB_KINDS)
def test_rgb_from_every_kind_of_file(file, kind):
    image, name, expected = RGB_KINDS[kind]
    found = load({"rgb": file(image, name)})["images"]["rgb"]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


def test_rgb_from_cmyk_jpeg(file):
    grey = Image.fromarray(np.full((HEIGHT, WIDTH, 3), 100, np.uint8))
    found = load({"rgb": file(grey.convert("CMYK"), "x.jpg", quality=95)})["images"]["rgb"]
    assert found.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(found.astype(int) - 100).max() <= 3


THERMAL_KINDS = {
    "one channel": (Image.fromarray(RAMP), "x.png"),
    "three equal channels": (Image.fromarray(np.dstack([RAMP] * 3)), "x.png"),
    "first of three channels": (Image.fromarray(COLOURS), "x.png"),
    "first of four channels": (Image.fromarray(np.dstack((COLOURS, RAMP[::-1]))), "x.png"),
    "grey and alpha": (Image.fromarray(np.dstack((RAMP, RAMP[::-1])), "LA"), "x.png"),
    "palette": (Image.fromarray(RAMP).convert("P"), "x.png"),
    "16 bit png": (Image.fromarray(RAMP.astype(np.uint16) * 257), "x.png"),
    "16 bit tiff": (Image.fromarray(RAMP.astype(np.uint16) * 257), "x.tif"),
    "32 bit integers": (Image.fromarray(RAMP.astype(np.int32) * 257), "x.tif"),
    "float": (Image.fromarray(RAMP.astype(np.float32) * 0.1 - 7), "x.tif"),
}


@pytest.mark.parametrize("kind", THERMAL_KINDS)
def test_thermal_is_one_8_bit_channel_from_every_kind_of_file(file, kind):
    found = load({"ir": file(*THERMAL_KINDS[kind])}, "ir")["images"]["ir"]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, RAMP)


@pytest.mark.parametrize(
    ("thermal_range", "expected"),
    [("full", [16, 31, 47, 62]), ("image", [0, 85, 170, 255]), ((4000, 12000), [0, 128, 255, 255])],
)
def test_deep_thermal_is_rescaled_from_the_stated_range(file, thermal_range, expected):
    values = np.array([[4000, 8000, 12000, 16000]] * 4, dtype=np.uint16)
    found = load({"ir": file(Image.fromarray(values))}, "ir", thermal_range=thermal_range)["images"]["ir"]
    assert found[0].tolist() == expected


def test_thermal_without_information_is_black_and_no_number_is_black(file):
    flat = Image.fromarray(np.full((4, 4), 300.0, np.float32))
    assert load({"ir": file(flat, "x.tif")}, "ir")["images"]["ir"].max() == 0
    values = np.array([[np.nan, 1, 2], [np.inf, 1, 2]], np.float32)
    found = load({"ir": file(Image.fromarray(values), "x.tif")}, "ir")["images"]["ir"]
    assert found.tolist() == [[0, 0, 255], [255, 0, 255]]


def test_colour_mapped_thermal_warns_once(file, monkeypatch):
    said = []
    monkeypatch.setattr(loading, "_warned_about_colour", False)
    monkeypatch.setattr(loading, "print_log", lambda text, **kwargs: said.append(text))
    load({"ir": file(Image.fromarray(np.dstack([RAMP] * 3)))}, "ir")
    assert said == []
    for _ in range(2):
        load({"ir": file(Image.fromarray(COLOURS))}, "ir")
    assert len(said) == 1
    assert "first channel" in said[0]


@pytest.mark.parametrize("modality", ["rgb", "ir", "rgbt"])
def test_only_the_streams_of_the_modality_are_read(file, modality):
    paths = {"rgb": file(Image.fromarray(COLOURS), "rgb.png"), "ir": file(Image.fromarray(RAMP), "ir.png")}
    results = load(paths, modality)
    assert list(results["images"]) == {"rgb": ["rgb"], "ir": ["ir"], "rgbt": ["rgb", "ir"]}[modality]
    assert results["ori_shape"] == (HEIGHT, WIDTH)


def test_thermal_of_another_size_takes_that_of_rgb(file):
    thermal = Image.fromarray(RAMP).resize((WIDTH // 2, HEIGHT // 2))
    paths = {"rgb": file(Image.fromarray(COLOURS), "rgb.png"), "ir": file(thermal, "ir.png")}
    assert load(paths, "rgbt")["images"]["ir"].shape == (HEIGHT, WIDTH)


def test_thermal_alone_takes_the_size_of_its_annotation(file):
    thermal = file(Image.fromarray(RAMP).resize((WIDTH // 2, HEIGHT // 2)))
    results = load({"ir": thermal}, "ir", size=(HEIGHT, WIDTH))
    assert results["images"]["ir"].shape == results["ori_shape"] == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(results["boxes"], [[4, 4, 12, 10]])


def test_boxes_of_another_annotated_size_are_scaled_to_the_file_or_refused(file):
    path = file(Image.new("RGB", (50, 40)))
    results = load({"rgb": path}, size=(400, 500), boxes=[[0, 0, 500, 400]])
    assert results["ori_shape"] == (40, 50) and results["gt_boxes_xyxy"].tolist() == [[0, 0, 50, 40]]
    for size in ((500, 400), (400, 400)):
        with pytest.raises(DataError, match=r"has 50x40 pixels, its annotation gives .* another image"):
            load({"rgb": path}, size=size, boxes=[[0, 0, 40, 40]])


def test_thermal_alone_without_an_annotated_size_takes_that_of_rgb(file):
    paths = {"rgb": file(Image.new("RGB", (64, 48)), "rgb.png"), "ir": file(Image.new("L", (32, 24)), "ir.png")}
    results = load(paths, "ir", size=None, boxes=[[0, 0, 64, 48]])
    assert results["ori_shape"] == (48, 64) and results["images"]["ir"].shape == (48, 64)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(file, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    results = load({"rgb": file(Image.fromarray(COLOURS), exif=exif)})
    turned = orientation >= 5
    assert results["ori_shape"] == ((WIDTH, HEIGHT) if turned else (HEIGHT, WIDTH))
    assert results["images"]["rgb"].shape[:2] == results["ori_shape"]
    if orientation == 6:
        np.testing.assert_array_equal(results["images"]["rgb"], np.rot90(COLOURS, -1))
    if orientation == 3:
        np.testing.assert_array_equal(results["images"]["rgb"], np.rot90(COLOURS, 2))


def orientation_chunk(kind):
    """A PNG chunk that says "rotate by 90 degrees", as exiftool, ImageMagick and Adobe write it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    if kind == "eXIf":
        return b"eXIf", data[6:]
    if kind == "raw profile":
        text = f"\nexif\n{len(data):8}\n{data.hex()}\n".encode()
        return b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)
    return b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize("place", ["before the pixels", "after the pixels"])
@pytest.mark.parametrize("kind", ["eXIf", "raw profile", "xmp"])
@pytest.mark.parametrize("bits", [8, 16])
def test_every_orientation_of_a_png_is_applied(file, kind, place, bits):
    path = file(Image.fromarray(RAMP if bits == 8 else RAMP.astype(np.uint16) * 257))
    data, (name, content) = path.read_bytes(), orientation_chunk(kind)
    chunk = struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    position = 33 if place == "before the pixels" else data.index(b"IEND") - 4
    path.write_bytes(data[:position] + chunk + data[position:])
    results = load({"ir": path}, "ir")
    assert results["ori_shape"] == image_size(path) == (WIDTH, HEIGHT)
    np.testing.assert_array_equal(results["images"]["ir"], np.rot90(RAMP, -1))


@pytest.mark.parametrize(
    "options",
    [{}, {"interlace": True}, {"transparency": (0, 0, 0)}, {"icc_profile": b"x" * 99}, {"optimize": True}],
    ids=lambda options: next(iter(options), "plain"),
)
@pytest.mark.parametrize("pixels", [COLOURS, RAMP], ids=["rgb", "grey"])
def test_png_is_decoded_as_pillow_does(file, pixels, options):
    transparency = {"transparency": 0} if "transparency" in options and pixels.ndim == 2 else options
    path = file(Image.fromarray(pixels), **{**options, **transparency})
    np.testing.assert_array_equal(
        np.asarray(read_image(path)[0].convert("RGB")), np.asarray(Image.open(path).convert("RGB"))
    )


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_of_few_bits_spans_the_whole_range(file, bits):
    grey = Image.fromarray(np.linspace(0, 2**bits - 1, 96).round().astype(np.uint8).reshape(8, 12))
    path = file(grey.convert("1") if bits == 1 else grey.convert("P"), bits=bits)
    found = to_rgb(read_image(path)[0])
    np.testing.assert_array_equal(found, np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize(("draft_size", "factor"), [(None, 1), (400, 1), (300, 2), (160, 4), (10, 8)])
def test_reduced_decoding_keeps_boxes_and_frame_right(file, draft_size, factor):
    smooth = Image.fromarray(COLOURS).resize((640, 480), Image.Resampling.BICUBIC)
    path = file(smooth, "x.jpg", quality=95)
    results = load({"rgb": path}, draft_size=draft_size)
    image = results["images"]["rgb"]
    assert image.shape == (480 // factor, 640 // factor, 3)
    assert results["ori_shape"] == (480, 640)
    assert results["frame"].scale_x == results["frame"].scale_y == 1 / factor
    np.testing.assert_allclose(results["boxes"], np.array([[4, 4, 12, 10]]) / factor)
    np.testing.assert_array_equal(results["gt_boxes_xyxy"], [[4, 4, 12, 10]])
    whole = np.asarray(Image.open(path).resize((640 // factor, 480 // factor), Image.Resampling.BOX), dtype=float)
    assert np.abs(image - whole).mean() < 2


def test_reduced_decoding_leaves_other_formats_and_odd_sizes_right(file):
    assert load({"rgb": file(Image.new("RGB", (640, 480)))}, draft_size=80)["images"]["rgb"].shape[:2] == (480, 640)
    odd = load({"rgb": file(Image.new("RGB", (637, 471)), "x.jpg")}, draft_size=160)
    assert odd["images"]["rgb"].shape[:2] == (236, 319)
    assert odd["frame"].scale_x == odd["frame"].scale_y == 1 / 2


def test_images_in_memory_are_converted_and_left_alone():
    exif_free = Image.fromarray(np.dstack((COLOURS, RAMP)))
    given = {"rgb": exif_free, "ir": (RAMP.astype(np.uint16) * 257)}
    results = LoadImages("rgbt")({"images": given, "image_paths": {}})
    np.testing.assert_array_equal(results["images"]["rgb"], COLOURS)
    np.testing.assert_array_equal(results["images"]["ir"], RAMP)
    assert exif_free.mode == "RGBA"
    assert "boxes" not in results


def truncated_jpeg(path):
    Image.fromarray(COLOURS).resize((300, 200)).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:-2000])


def truncated_png(path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (99, 99, 3), dtype=np.uint8)).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:5000])


def broken_png(path):
    truncated_png(path)
    path.write_bytes(path.read_bytes()[:40] + b"nonsense" * 100)


BROKEN = {
    "truncated jpeg": truncated_jpeg,
    "truncated png": truncated_png,
    "broken png": broken_png,
    "text": lambda path: path.write_text("no image"),
    "empty": lambda path: path.touch(),
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("draft_size", [None, 64])
def test_unreadable_file_is_one_sentence_naming_it(tmp_path, kind, draft_size):
    BROKEN[kind](tmp_path / "x.jpg")
    with pytest.raises(DataError, match=r"^image .*x\.jpg cannot be read: .+") as caught:
        load({"rgb": tmp_path / "x.jpg"}, draft_size=draft_size)
    assert "\n" not in str(caught.value)


def test_missing_file_and_missing_stream_are_one_sentence(tmp_path, file):
    with pytest.raises(DataError, match=r"^image .*y\.png does not exist$"):
        load({"rgb": tmp_path / "y.png"})
    with pytest.raises(DataError, match=r"^there is no ir image beside .*x\.png$"):
        load({"rgb": file(Image.fromarray(COLOURS))}, "rgbt")


@pytest.mark.parametrize("options", [{"modality": "rgbd"}, {"thermal_range": "half"}, {"thermal_range": (5, 5)}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError, match="must be"):
        LoadImages(**options)


def test_masks_follow_the_image(file):
    mask = np.zeros((480, 640), np.uint8)
    mask[100:200, 40:80] = 1
    codes = [coco_mask.encode(np.asfortranarray(mask))]
    path = file(Image.new("RGB", (640, 480)), "x.jpg")
    results = LoadMasks()(load({"rgb": path}, draft_size=160, masks=codes))
    assert results["masks"].shape == (1, 120, 160)
    assert results["masks"].sum() == 10 * 25


def test_masks_that_do_not_exist_are_one_sentence(file):
    with pytest.raises(DataError, match="the annotation has no masks"):
        LoadMasks()(load({"rgb": file(Image.fromarray(COLOURS))}, masks=None))

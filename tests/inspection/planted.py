"""Defects that the doctor must find. Each edits a set so that the first training row, or its image, is wrong."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
from PIL import Image, ImageEnhance

from tests.inspection.conftest import BOX, EXPRESSION, FILE, LIGHTING, OCCLUSION, SCALE, SCENE, SIZE, WEATHER


def missing_colour(spoilable):
    spoilable.image("rgb").unlink()


def missing_thermal(spoilable):
    spoilable.image("ir").unlink()


def truncated_image(spoilable):
    path = spoilable.image("rgb")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty_file(spoilable):
    spoilable.image("ir").write_bytes(b"")


def text_for_an_image(spoilable):
    spoilable.image("ir").write_text("<html>404 not found</html>")


def exchanged_height_and_width(spoilable):
    size = spoilable.rows()[0][SIZE]
    spoilable.edit_row(SIZE, {"height": size["width"], "width": size["height"]})


def half_size_thermal(spoilable):
    spoilable.write_pixels("ir", spoilable.pixels("ir")[::2, ::2])


def other_proportions(spoilable):
    spoilable.write_pixels("ir", cv2.resize(spoilable.pixels("ir"), (160, 160)))


def no_width(spoilable):
    spoilable.edit_row(BOX, [10, 10, 0, 20])


def negative_height(spoilable):
    spoilable.edit_row(BOX, [10, 60, 20, -20])


def box_of_nan(spoilable):
    spoilable.edit_row(BOX, [10.0, float("nan"), 20.0, 20.0])


def speck(spoilable):
    spoilable.edit_row(BOX, [10, 10, 1, 20])


def box_in_another_frame(spoilable):
    spoilable.edit_row(BOX, [400, 300, 20, 20])


def box_over_the_border(spoilable):
    spoilable.edit_row(BOX, [150, 10, 20, 20])


def box_left_of_the_border(spoilable):
    spoilable.edit_row(BOX, [-9, 10, 20, 20])


def whole_image(spoilable):
    spoilable.edit_row(BOX, [0, 0, 160, 128])


def small_giant(spoilable):
    spoilable.edit_row(BOX, [10, 10, 80, 80])
    spoilable.edit_row(SCALE, "small")


def row_twice(spoilable):
    spoilable.add_row()


def row_of_test_in_training(spoilable):
    rows = spoilable.rows()
    rows[0] = spoilable.rows("test")[0]
    spoilable.write_rows(rows)


def image_of_test_under_a_new_name(spoilable):
    for stream in ("rgb", "ir"):
        shutil.copy(spoilable.image(stream, split="test"), spoilable.image(stream))


def thermal_of_val_under_a_new_name(spoilable):
    shutil.copy(spoilable.image("ir", split="val"), spoilable.image("ir"))


def compressed_image_of_test(spoilable):
    row = spoilable.bright_row("test")
    for stream in ("rgb", "ir"):
        spoilable.write_pixels(stream, spoilable.pixels(stream, row, "test"), quality=45)


def brighter_and_larger_image_of_test(spoilable):
    row = spoilable.bright_row("test")
    image = Image.fromarray(spoilable.pixels("rgb", row, "test"))
    image = ImageEnhance.Brightness(image).enhance(1.15).resize((320, 256))
    spoilable.write_pixels("rgb", np.array(image))


def one_image_two_names(spoilable):
    spoilable.add_row(FILE="again.jpg", EXPRESSION="the thing once more")
    for stream in ("rgb", "ir"):
        shutil.copy(spoilable.image(stream), spoilable.folder(stream) / "again.jpg")


def black_bar(spoilable):
    thermal = spoilable.pixels("ir")
    thermal[:, :12] = 0
    spoilable.write_pixels("ir", thermal)


def black_wedge(spoilable):
    thermal = spoilable.pixels("ir")
    cv2.fillPoly(thermal, [np.array([[0, 0], [159, 0], [159, 14], [0, 2]])], 0)
    spoilable.write_pixels("ir", thermal)


def uniform_thermal(spoilable):
    spoilable.write_pixels("ir", np.full((128, 160), 90, np.uint8))


def clipped_thermal(spoilable):
    thermal = spoilable.pixels("ir").astype(int)
    spoilable.write_pixels("ir", ((thermal > np.quantile(thermal, 0.7)) * 255).astype(np.uint8))


def sixteen_bits_of_which_few_are_used(spoilable):
    deep = spoilable.pixels("ir").astype(np.uint16) + 14000
    Image.fromarray(deep).save(spoilable.image("ir"), format="PNG")


def grey_copy_of_colour(spoilable):
    spoilable.write_pixels("ir", cv2.cvtColor(spoilable.pixels("rgb"), cv2.COLOR_RGB2GRAY), quality=80)


def negative_of_colour(spoilable):
    grey = cv2.cvtColor(spoilable.pixels("rgb"), cv2.COLOR_RGB2GRAY)
    spoilable.write_pixels("ir", cv2.createCLAHE(2.0, (8, 8)).apply(255 - grey), quality=60)


def colour_file_as_thermal(spoilable):
    shutil.copy(spoilable.image("rgb"), spoilable.image("ir"))


def colour_map(spoilable):
    coloured = cv2.applyColorMap(spoilable.pixels("ir"), cv2.COLORMAP_INFERNO)
    spoilable.write_pixels("ir", coloured[..., ::-1].copy())


def exchanged_files(spoilable):
    colour, thermal = spoilable.pixels("rgb"), spoilable.pixels("ir")
    spoilable.write_pixels("rgb", thermal)
    spoilable.write_pixels("ir", colour)


def black_colour_image(spoilable):
    spoilable.write_pixels("rgb", np.zeros((128, 160, 3), np.uint8))


def shifted_thermal(spoilable):
    row = spoilable.bright_row()
    rows = spoilable.rows()
    spoilable.write_rows([rows[row], *rows[:row], *rows[row + 1 :]])
    thermal = spoilable.pixels("ir")
    moved = cv2.warpAffine(thermal, np.float32([[1, 0, 12], [0, 1, 6]]), (160, 128), borderMode=cv2.BORDER_REFLECT)
    spoilable.write_pixels("ir", moved)


def says(expression):
    def edit(spoilable):
        spoilable.edit_row(EXPRESSION, expression)

    edit.__name__ = f"says {expression[:30]!r}"
    return edit


def two_objects_one_sentence(spoilable):
    rows = spoilable.rows()
    assert rows[0][FILE] == rows[1][FILE]
    spoilable.edit_row(EXPRESSION, rows[1][EXPRESSION].upper())


def coded(field, value):
    def edit(spoilable):
        spoilable.edit_row(field, value)

    edit.__name__ = f"code {field} is {value!r}"
    return edit


def two_kinds_of_weather(spoilable):
    spoilable.edit_row(WEATHER, (spoilable.rows()[1][WEATHER] + 1) % 4)


def row_of_six_fields(spoilable):
    rows = spoilable.rows()
    rows[0] = rows[0][:6]
    spoilable.write_rows(rows)


PLANTED = [
    (missing_colour, "missing_file"),
    (missing_thermal, "missing_file"),
    (truncated_image, "unreadable_file"),
    (empty_file, "unreadable_file"),
    (text_for_an_image, "unreadable_file"),
    (exchanged_height_and_width, "annotated_size"),
    (half_size_thermal, "pair_size"),
    (other_proportions, "pair_size"),
    (no_width, "degenerate_box"),
    (negative_height, "degenerate_box"),
    (box_of_nan, "degenerate_box"),
    (speck, "tiny_box"),
    (box_in_another_frame, "box_outside"),
    (box_over_the_border, "box_beyond_border"),
    (box_left_of_the_border, "box_beyond_border"),
    (whole_image, "box_of_whole_image"),
    (small_giant, "size_label_contradicts"),
    (row_twice, "repeated_row"),
    (row_of_test_in_training, "leaked_image"),
    (image_of_test_under_a_new_name, "leaked_image"),
    (thermal_of_val_under_a_new_name, "leaked_image"),
    (compressed_image_of_test, "near_duplicate"),
    (brighter_and_larger_image_of_test, "near_duplicate"),
    (one_image_two_names, "repeated_image"),
    (black_bar, "black_border"),
    (black_wedge, "black_border"),
    (uniform_thermal, "empty_thermal"),
    (clipped_thermal, "clipped_thermal"),
    (sixteen_bits_of_which_few_are_used, "narrow_thermal"),
    (grey_copy_of_colour, "thermal_copies_colour"),
    (negative_of_colour, "thermal_copies_colour"),
    (colour_file_as_thermal, "thermal_copies_colour"),
    (colour_map, "coloured_thermal"),
    (exchanged_files, "exchanged_streams"),
    (black_colour_image, "empty_colour"),
    (shifted_thermal, "registration"),
    (says(""), "empty_expression"),
    (says("  \t"), "empty_expression"),
    (says("The person in the bounding box on the left."), "tool_language"),
    (says("The image shows a red car"), "tool_language"),
    (says("the car at [12, 40, 80, 96]"), "tool_language"),
    (says("I'm sorry, but I cannot describe this"), "tool_language"),
    (says("No person is clearly visible in this area"), "not_visible"),
    (says("the car cannot be seen"), "not_visible"),
    (says("There is no bicycle near the wall"), "not_visible"),
    (says("Nothing can be made out here"), "not_visible"),
    (says("A car that is not in the image"), "not_visible"),
    (says("the person marked by the red box"), "tool_language"),
    (says("the car at pixel 120 of the first row"), "tool_language"),
    (says("what appears to be a cyclist"), "uncertain_expression"),
    (says("a figure, hard to tell apart from the wall"), "uncertain_expression"),
    (says("the man\u00e2\u20ac\u2122s bag"), "garbled_expression"),
    (says("the {category} on the left"), "garbled_expression"),
    (says("B-1234"), "no_words"),
    (says("parked"), "one_word"),
    (says("very " * 80 + "long"), "long_expression"),
    (two_objects_one_sentence, "ambiguous_expression"),
    (coded(LIGHTING, 9), "unknown_label"),
    (coded(SCENE, 13), "unknown_label"),
    (coded(OCCLUSION, "heavy"), "unknown_label"),
    (two_kinds_of_weather, "labels_disagree"),
    (row_of_six_fields, "missing_label"),
]

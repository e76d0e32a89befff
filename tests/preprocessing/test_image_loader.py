import io
import os
import pickle
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from mmsk.exceptions import BadInputError, UnreadableCellWarning
from mmsk.preprocessing import ImageLoader
from tests.preprocessing.files import make_pixels, write_image

HEIGHT, WIDTH = 40, 60
ORIENTATION = 0x0112


def load(cell, **parameters):
    parameters = {"size": (HEIGHT, WIDTH), **parameters}
    return ImageLoader(**parameters).fit_transform([cell])[0, 0]


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "ppm"])
def test_lossless_files_keep_their_pixels(suffix, tmp_path):
    path = write_image(tmp_path / f"photo.{suffix}", seed=3)
    cell = load(path)
    assert cell.dtype == np.uint8
    np.testing.assert_array_equal(cell, make_pixels(seed=3).transpose(2, 0, 1))


@pytest.mark.parametrize("suffix", ["jpg", "webp", "gif"])
def test_lossy_files_come_close(suffix, tmp_path):
    path = write_image(tmp_path / f"photo.{suffix}", seed=3)
    assert np.abs(load(path).astype(int) - make_pixels(seed=3).transpose(2, 0, 1)).mean() < 5


def test_every_kind_of_cell_gives_the_same_pixels(tmp_path):
    path = tmp_path / "photo.png"
    write_image(path, seed=5)
    pixels = make_pixels(seed=5)
    expected = pixels.transpose(2, 0, 1)
    floats = (pixels / 255).astype(np.float32)
    for cell in (
        path,
        str(path),
        path.read_bytes(),
        Image.open(path),
        pixels,
        pixels.transpose(2, 0, 1),
        floats,
        floats + np.float32(1e-7) * np.where(floats > 0.5, 1, -1).astype(np.float32),  # as computing leaves them
        (pixels.astype(np.uint16) * 257),
        (pixels.astype(">u2") * 257),
        np.dstack([pixels, np.full((HEIGHT, WIDTH), 255, dtype=np.uint8)]),
    ):
        np.testing.assert_array_equal(load(cell), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(kind, orientation):
    upright = Image.fromarray(make_pixels(seed=1))
    # What a camera held the other way stores: the inverse turn of the picture.
    stored = {
        1: lambda image: image,
        2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
        4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
        6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
        7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
        8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
    }[orientation](upright)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    cell = load(encoded(stored, kind, exif=exif))
    assert np.abs(cell.astype(int) - make_pixels(seed=1).transpose(2, 0, 1)).mean() < 6


def test_palette_one_bit_and_grey():
    palette = Image.fromarray(make_pixels(seed=2)).quantize(4)
    assert np.abs(load(encoded(palette)).astype(int) - make_pixels(seed=2).transpose(2, 0, 1)).mean() < 2
    one_bit = Image.new("1", (2, 1))
    one_bit.putpixel((1, 0), 1)
    assert load(encoded(one_bit), size=(1, 2), mode="L").tolist() == [[[0, 255]]]
    grey = load(np.full((5, 5), 90, dtype=np.uint8), size=(5, 5))
    assert grey.shape == (3, 5, 5) and (grey == 90).all()


def test_cmyk_jpeg_is_not_inverted():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # red
    cell = load(encoded(image, "JPEG", quality=100), size=(16, 16))
    assert cell[0].min() > 240 and cell[1:].max() < 15
    grey = load(image, size=(16, 16), mode="L")
    assert abs(int(grey[0, 0, 0]) - 76) < 3  # ITU-R 601: 0.299 of red


def test_sixteen_bit_grey_is_scaled():
    values = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    expected = [[[0, 1, 128, 255]]]
    for kind in ("PNG", "TIFF"):
        assert load(encoded(Image.fromarray(values), kind), size=(1, 4), mode="L").tolist() == expected
    assert load(values, size=(1, 4), mode="L").tolist() == expected
    assert load(Image.fromarray(values.astype(np.int32)), size=(1, 4), mode="L").tolist() == expected


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("resize", ["stretch", "pad"])
def test_tiff_whose_zero_is_white(dtype, resize):
    values = np.linspace(0, 1, 12).reshape(3, 4) * (1 if dtype == np.float32 else 65535)
    stored = encoded(Image.fromarray(values.astype(dtype)), "TIFF")
    entry = struct.Struct("<HHIHH")
    assert stored.count(entry.pack(262, 3, 1, 1, 0)) == 1
    negative = stored.replace(entry.pack(262, 3, 1, 1, 0), entry.pack(262, 3, 1, 0, 0))
    shapes = {"size": (6, 4), "mode": "L", "resize": resize}
    dark, bright = load(stored, **shapes).astype(int), load(negative, **shapes)
    inner = slice(None) if resize == "stretch" else slice(1, 4)
    assert abs(bright[:, inner] - (255 - dark[:, inner])).max() <= 1
    assert resize == "stretch" or not bright[:, 4:].any()
    with Image.open(io.BytesIO(negative)) as image:
        np.testing.assert_array_equal(load(image, **shapes), bright)


def test_float_tiff_is_scaled():
    unit = Image.fromarray(np.array([[0.0, 0.5, 1.0]], dtype=np.float32))
    assert load(encoded(unit, "TIFF"), size=(1, 3), mode="L").tolist() == [[[0, 128, 255]]]
    wide = Image.fromarray(np.array([[-10.0, 0.0, 10.0]], dtype=np.float32))
    assert load(encoded(wide, "TIFF"), size=(1, 3), mode="L").tolist() == [[[0, 128, 255]]]
    integers = Image.fromarray(np.array([[-100, 0, 100_000]], dtype=np.int32))
    assert load(integers, size=(1, 3), mode="L").tolist() == [[[0, 0, 255]]]


def test_bool_array_is_black_and_white():
    assert load(np.array([[True, False]]), size=(1, 2), mode="L").tolist() == [[[255, 0]]]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (np.zeros((3, 9, 3), dtype=np.uint8), "first or the last axis"),
        (np.zeros((9, 9, 2), dtype=np.uint8), "no axis of 1, 3 or 4"),
        (np.zeros((9, 9), dtype=np.int64), "leaves open which number is white"),
        (np.full((9, 9), 7.0), "0 to 1 was expected"),
        (np.full((9, 9), 1.001), "from 1.001 to 1.001 came where 0 to 1"),
        (np.full((9, 9), np.nan), "NaN or infinite"),
        (np.array([[0.0, np.inf]]), "NaN or infinite"),
        (np.zeros((0, 9), dtype=np.uint8), "(H, W)"),
        (np.zeros(9, dtype=np.uint8), "(H, W)"),
        (Image.fromarray(np.full((2, 2), 7.0, dtype=np.float32)), "every pixel is 7"),
        (Image.fromarray(np.full((2, 2), np.nan, dtype=np.float32)), "NaN or infinite"),
        (3.5, "type float"),
        (object(), "type object"),
    ],
)
def test_ambiguous_cells_are_refused(cell, words):
    with pytest.raises(BadInputError) as caught:
        load(cell)
    assert words in str(caught.value) and "ImageLoader" in str(caught.value) and caught.value.row == 0


def test_resize_modes():
    pixels = np.zeros((20, 40, 3), dtype=np.uint8)
    pixels[:, :10] = 50
    pixels[:, 10:30] = 100
    pixels[:, 30:] = 200
    stretched = load(pixels, size=(10, 10), resize="stretch")
    assert stretched[0, 5, 0] == 50 and stretched[0, 5, -1] == 200
    cropped = load(pixels, size=(10, 10), resize="crop")
    assert (cropped[0, :, 1:-1] == 100).all()
    padded = load(pixels, size=(40, 40), resize="pad")
    assert (padded[:, :10] == 0).all() and (padded[:, 30:] == 0).all() and (padded[0, 10:30, 0] == 50).all()


@pytest.mark.parametrize("sides", [(1599, 1201), (1200, 1600), (803, 1205)])
def test_large_photos_are_cropped_as_pillow_crops_them(sides):
    coarse = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    stored = encoded(Image.fromarray(coarse).resize(sides, Image.Resampling.BICUBIC), "JPEG", quality=95)
    with Image.open(io.BytesIO(stored)) as image:
        expected = np.asarray(ImageOps.fit(image, (48, 48), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    difference = np.abs(load(stored, size=(48, 48), resize="crop").astype(int) - expected)
    assert difference.mean() < 0.3


def test_extreme_proportions_can_be_padded():
    cell = load(np.full((1, 5000), 255, dtype=np.uint8), size=(8, 8), resize="pad", mode="L")
    assert cell.shape == (1, 8, 8) and cell.max() == 255


def test_shrinking_averages_pixels():
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (64, 32))
    assert np.abs(load(stripes, size=(8, 8), mode="L").astype(int) - 127).max() < 20


def test_large_jpeg_at_reduced_resolution_stays_close():
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 255, size=(12, 16, 3), dtype=np.uint8))
    large = coarse.resize((1600, 1200), Image.Resampling.BICUBIC)
    exact = load(large, size=(64, 64)).astype(int)
    reduced = load(encoded(large, "JPEG", quality=95), size=(64, 64)).astype(int)
    assert np.abs(exact - reduced).mean() < 1.5


def test_first_picture_of_an_animation_is_read():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    animation = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load(animation, size=(8, 8))[:, 0, 0].tolist() == [255, 0, 0]


def test_first_picture_of_a_telephone_jpeg_is_read():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    pictures = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert load(pictures, size=(8, 8))[0].min() > 250


def test_cells_are_views_of_one_block_and_equal_paths_share_one(tmp_path):
    paths = [write_image(tmp_path / "a.png", 1), write_image(tmp_path / "b.png", 2)]
    cells = ImageLoader().fit_transform([*paths, paths[0], None])[:, 0]
    assert cells[0] is cells[2] and cells[3] is None
    assert cells[0].base is cells[1].base and cells[0].base.shape == (2, 3, 128, 128)


def test_each_distinct_path_is_decoded_once_a_call(tmp_path, monkeypatch):
    path = write_image(tmp_path / "a.png", 1)
    opened = []
    original = Image.open
    monkeypatch.setattr(Image, "open", lambda *args, **options: opened.append(args[0]) or original(*args, **options))
    ImageLoader(n_jobs=2).fit_transform([[path, tmp_path / "a.png"], [path, None], [None, path]])
    assert opened == [path]


@pytest.mark.parametrize("size", [(0, 4), (4,), (4, 4, 3), (4.0, 4), [-1, 4]])
def test_bad_size_is_a_bad_parameter_not_a_bad_cell(size):
    loader = ImageLoader(size=size, on_error="missing")
    with pytest.raises(BadInputError, match="two positive integers"):
        loader.fit_transform([make_pixels()])


# ---- files that are not what they seem


def bomb(width=40_000, height=40_000):
    """A PNG of few bytes whose header promises gigabytes."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def hostile_files(directory):
    write_image(directory / "whole.jpg", seed=1)
    Image.fromarray(make_pixels(300, 300)).save(directory / "whole.png")
    files = {
        "missing.jpg": None,
        "empty.jpg": b"",
        "text.jpg": b"this is no picture",
        "cut.jpg": (directory / "whole.jpg").read_bytes()[:600],
        "cut.png": (directory / "whole.png").read_bytes()[:-60],
        "bomb.png": bomb(),
        "moderate_bomb.png": bomb(12_000, 12_000),
        "drawing.svg": b"<svg/>",
        "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    }
    for name, content in files.items():
        if content is not None:
            (directory / name).write_bytes(content)
    (directory / "folder.jpg").mkdir()
    os.mkfifo(directory / "pipe.jpg")
    return [str(directory / name) for name in [*files, "folder.jpg", "pipe.jpg"]] + ["zero\0byte.jpg", "x" * 5000]


def test_hostile_files_raise_with_their_place(tmp_path):
    whole = write_image(tmp_path / "fine.png")
    for path in hostile_files(tmp_path):
        with pytest.raises(BadInputError) as caught:
            ImageLoader().fit_transform([whole, path])
        assert caught.value.row == 1 and caught.value.column == 0 and caught.value.value == path
        assert caught.value.step == "ImageLoader" and caught.value.fix


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_hostile_files_become_missing_with_one_warning(tmp_path):
    import pandas as pd

    whole = write_image(tmp_path / "fine.png")
    bad = hostile_files(tmp_path)
    frame = pd.DataFrame({"photo": [bad[0], whole, *bad]})
    loader = ImageLoader(on_error="missing", n_jobs=2)
    with pytest.warns(UnreadableCellWarning) as caught:
        cells = loader.fit_transform(frame)[:, 0]
    assert [cell is not None for cell in cells] == [False, True] + [False] * len(bad)
    messages = [str(warning.message) for warning in caught if warning.category is UnreadableCellWarning]
    assert len(messages) == 1 and f"{len(bad) + 1} cells" in messages[0]
    assert "'photo'" in messages[0] and f"and {len(bad) - 3} more" in messages[0]


def test_bomb_is_refused_before_it_is_decoded(tmp_path):
    with pytest.raises(BadInputError, match="pixels"):
        load(bomb())


def test_pictures_in_memory_are_capped_too(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(BadInputError, match=r"60 x 40 pixels where at most 100"):
        load(Image.fromarray(make_pixels()))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert load(Image.fromarray(make_pixels())).shape == (3, HEIGHT, WIDTH)


def test_closed_picture_is_refused(tmp_path):
    path = write_image(tmp_path / "a.png")
    image = Image.open(path)
    image.close()
    with pytest.raises(BadInputError, match="cannot be decoded"):
        load(image)


def test_bytes_that_are_no_picture():
    with pytest.raises(BadInputError, match="cannot be decoded"):
        load(b"no picture")


def test_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "locked" / "a.png"
    path.parent.mkdir()
    write_image(path)
    with pytest.raises(BadInputError, match="cannot be reached"):
        load(str(path) + "/below")


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_an_opened_picture_from_another_process(dtype):
    values = np.array([[0, 30_000], [40_000, 65_535]], dtype)
    opened = Image.open(io.BytesIO(encoded(Image.fromarray(values), "TIFF")))
    again = pickle.loads(pickle.dumps(opened))  # Pillow drops the tags of the file
    np.testing.assert_array_equal(load(again, size=(2, 2), mode="L"), load(opened, size=(2, 2), mode="L"))


def test_few_values_in_many_bits_leave_open_what_is_white():
    eight = Image.fromarray(np.array([[0, 100], [200, 255]], "uint8"))
    with pytest.raises(BadInputError, match=r"pixels of 32 bits from 0 to 255 leave open.*image.convert\('L'\)|astype"):
        load(eight.convert("I"), size=(2, 2), mode="L")
    assert load(Image.new("I", (2, 2)), size=(2, 2), mode="L").max() == 0
    assert load(eight.convert("F").point(lambda v: v / 255), size=(2, 2), mode="L")[0, 1, 1] == 255

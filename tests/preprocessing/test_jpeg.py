import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from mmsk.exceptions import BadInputError
from mmsk.preprocessing import ImageLoader
from mmsk.preprocessing._jpeg import shrink_jpeg

ORIENTATION = 0x0112


def photo(height=150, width=200, mode="RGB"):
    """Colours that change smoothly, with some noise: what photos are made of."""
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 255, size=(9, 12, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) * 0.8
    pixels += generator.integers(0, 50, size=(height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)


def encoded(image, kind="JPEG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def shrink(content, mode="RGB", height=40, width=60, side=180):
    return shrink_jpeg(content, mode, height, width, side)


def by_pillow(content, mode="RGB", height=40, width=60):
    image = Image.open(io.BytesIO(content)).convert(mode).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(height, width, -1).transpose(2, 0, 1).astype(int)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": 100, "subsampling": 0},
        {"progressive": True},
        {"restart_marker_rows": 2},
        {"keep_rgb": True},
        {"comment": b"a comment"},
        {"icc_profile": bytes(90_000)},
    ],
    ids=lambda options: next(iter(options), "plain"),
)
@pytest.mark.parametrize("stored", ["RGB", "L"])
def test_pixels_are_those_of_pillow(stored, options, mode):
    content = encoded(photo(mode=stored), **options)
    expected = by_pillow(content, mode)
    cell = ImageLoader(size=(40, 60), mode=mode).fit_transform([content])[0, 0]
    assert np.abs(cell - expected).max() <= 1 and np.abs(cell - expected).mean() < 0.3
    if len(content) < 90_000:
        np.testing.assert_array_equal(shrink(content, mode), cell)


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_grey_of_strong_colours_is_that_of_pillow(quality):
    tiles = np.kron(np.random.default_rng(0).integers(0, 2, (20, 20, 3)), np.ones((5, 5, 1))).astype(np.uint8) * 255
    content = encoded(Image.fromarray(tiles), quality=quality, subsampling=0)
    for height, width in ((100, 100), (40, 60)):
        cell = shrink(content, "L", height, width).astype(int)
        assert np.abs(cell - by_pillow(content, "L", height, width)).max() <= 1


def test_files_and_bytes_give_the_same_pixels(tmp_path):
    content = encoded(photo(500, 500), quality=100)
    assert len(content) > 2**16
    path = tmp_path / "photo.jpg"
    path.write_bytes(content + bytes(10))
    for source in (content, str(path), path):
        cell = shrink(source, height=300, width=200, side=900)
        np.testing.assert_allclose(cell, by_pillow(content, height=300, width=200), atol=1)


def test_small_photos_can_grow():
    content = encoded(photo(30, 20))
    np.testing.assert_allclose(shrink(content), by_pillow(content), atol=1)


@pytest.mark.parametrize("orientation", range(1, 10))
def test_photos_are_turned_as_pillow_turns_them(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = encoded(photo(), exif=exif)
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    expected = np.asarray(turned.resize((60, 40), Image.Resampling.BILINEAR)).transpose(2, 0, 1).astype(int)
    np.testing.assert_allclose(shrink(content), expected, atol=1)


def test_orientation_in_xmp_is_applied():
    turned = encoded(photo(), xmp=b'<rdf:Description tiff:Orientation="3"/>')
    np.testing.assert_allclose(shrink(turned)[:, ::-1, ::-1], by_pillow(turned), atol=1)


@pytest.mark.parametrize(("height", "width", "fraction"), [(720, 1000, 4), (400, 3000, 2), (1440, 1448, 8)])
def test_large_photos_are_decoded_at_the_fraction_pillow_takes(height, width, fraction):
    content = encoded(photo(height, width))
    image = Image.open(io.BytesIO(content))
    image.draft(None, (180, 180))
    assert image.size == (width // fraction, height // fraction)
    expected = np.asarray(image.resize((60, 40), Image.Resampling.BILINEAR)).transpose(2, 0, 1).astype(int)
    np.testing.assert_allclose(shrink(content), expected, atol=1)
    assert np.abs(shrink(content) - by_pillow(content)).mean() < 0.5


@pytest.mark.parametrize(("height", "width"), [(719, 1001), (1450, 1441), (359, 800)])
def test_fractions_that_leave_a_remainder_move_no_pixels(height, width):
    content = encoded(photo(height, width))
    np.testing.assert_allclose(shrink(content), by_pillow(content), atol=1)


def test_what_pillow_reads_otherwise_is_left_to_it(monkeypatch):
    assert shrink(encoded(photo(mode="CMYK"))) is None
    assert shrink(encoded(photo(), "PNG")) is None
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 29_999)
    assert shrink(encoded(photo())) is None
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert shrink(encoded(photo())) is not None


@pytest.mark.parametrize("progressive", [False, True])
def test_photos_cut_anywhere_are_refused(progressive):
    content = encoded(photo(60, 80), progressive=progressive)
    loader = ImageLoader(size=(20, 20)).fit([content])
    for length in range(1, len(content) - 2, 13):
        with pytest.raises(BadInputError, match="cannot be decoded"):
            loader.transform([content[:length]])


def test_damaged_photos_are_read_as_pillow_does_or_refused():
    content = encoded(photo(60, 80))
    loader = ImageLoader(size=(40, 60)).fit([content])
    generator = np.random.default_rng(0)
    n_read = 0
    for _ in range(60):
        damaged = bytearray(content)
        damaged[generator.integers(200, len(content))] ^= int(generator.integers(1, 256))
        try:
            cell = loader.transform([bytes(damaged)])[0, 0]
        except BadInputError:
            continue
        n_read += 1
        np.testing.assert_allclose(cell, by_pillow(bytes(damaged)), atol=1)
    assert n_read

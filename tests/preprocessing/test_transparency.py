"""Pictures whose pixels, or one of whose colours, are transparent."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mmsk.exceptions import BadInputError
from tests.preprocessing.test_image_loader import encoded, load


def test_alpha_is_flattened_on_white():
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 128))
    cell = load(encoded(image), size=(4, 4))
    assert cell[:, 0, 0].tolist() == [255, 0, 0]
    assert cell[:, 0, 1].tolist() == [127, 127, 127]
    assert cell[:, 3, 3].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["L", "P"])
def test_other_modes_with_alpha_are_flattened_on_white(mode):
    image = Image.new(mode, (3, 3), 10)
    image.putalpha(0)
    assert image.mode == mode + "A"
    assert load(image, size=(3, 3)).min() == 255


def test_transparent_palette_colour_becomes_white():
    image = Image.new("P", (2, 1), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    for kind in ("PNG", "GIF"):
        cell = load(encoded(image, kind, transparency=1), size=(1, 2))
        assert cell[:, 0, 0].tolist() == [255, 0, 0] and cell[:, 0, 1].tolist() == [255, 255, 255]


def png(bits, colour, width, row, transparent):
    """Write a PNG of one row as it is defined, which Pillow does of few depths."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"tRNS", transparent) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("bits", "row", "transparent", "expected"),
    [
        (1, [0b01010000], 0, [255, 255, 255, 255]),
        (2, [0b00011011], 2, [0, 85, 255, 255]),
        (4, [0x01, 0x23], 1, [0, 255, 34, 51]),
        (8, [0, 1, 2, 3], 2, [0, 1, 255, 3]),
    ],
)
def test_transparent_greys_of_few_bits_are_told_from_others(bits, row, transparent, expected):
    content = png(bits, 0, 4, bytes(row), struct.pack(">H", transparent))
    opened = Image.open(io.BytesIO(content))
    for cell in (content, opened, opened):  # the second time it is decoded already
        assert load(cell, size=(1, 4), mode="L").tolist() == [[expected]]


def test_a_transparent_colour_of_16_bits_is_refused():
    row = struct.pack(">6H", *[0x1234] * 3, *[0x12] * 3)
    for transparent in (0x1234, 0x12):
        content = png(16, 2, 2, row, struct.pack(">3H", *[transparent] * 3))
        with pytest.raises(BadInputError, match="16 bits a colour .* Save it with an alpha channel"):
            load(content, size=(1, 2))
        with pytest.raises(BadInputError, match="16 bits a colour"):
            load(Image.open(io.BytesIO(content)), size=(1, 2))


def test_transparent_colour_of_a_grey_or_rgb_png_becomes_white():
    grey = Image.new("L", (2, 2), 7)
    assert load(encoded(grey, transparency=7), size=(2, 2)).min() == 255
    coloured = Image.new("RGB", (2, 2), (1, 2, 3))
    assert load(encoded(coloured, transparency=(1, 2, 3)), size=(2, 2)).min() == 255
    deep = Image.fromarray(np.array([[257, 514]], dtype=np.uint16))
    assert load(encoded(deep, transparency=514), size=(1, 2), mode="L").tolist() == [[[1, 255]]]

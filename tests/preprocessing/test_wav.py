import io
import struct

import numpy as np
import pytest
import soundfile

from mmsk.preprocessing import AudioLoader
from mmsk.preprocessing._wav import find_plain_wav

RATE = 8_000


def noise(n=100_000, n_channels=1):
    return np.random.default_rng(0).uniform(-1, 1, size=(n, n_channels))


def encoded(samples, subtype="PCM_16", kind="WAV"):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=kind, subtype=subtype)
    return file.getvalue()


def load(cell, **parameters):
    return AudioLoader(RATE, **parameters).fit_transform([cell])[0, 0]


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
@pytest.mark.parametrize("n_channels", [1, 2, 3])
@pytest.mark.parametrize("n", [300, 100_000])
def test_samples_are_those_of_the_decoder(subtype, n_channels, n, tmp_path):
    content = encoded(noise(n, n_channels), subtype)
    path = tmp_path / "noise.wav"
    path.write_bytes(content)
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0]
    assert find_plain_wav(io.BytesIO(content)).n_frames == n
    for cell in (content, path):
        np.testing.assert_array_equal(load(cell, mono=False), expected.T)
        part = load(cell, duration=0.02, position="center", mono=False)
        start = (n - 160) // 2
        np.testing.assert_array_equal(part, expected.T[:, start : start + 160])


@pytest.mark.parametrize("duration", [1.0, 12.5, 20.0])
def test_blocks_hold_what_single_cells_hold(duration, tmp_path):
    contents = [encoded(noise()), encoded(noise(n_channels=2), "FLOAT"), encoded(noise(2_000)), encoded(noise(9_000))]
    loader = AudioLoader(RATE, duration=duration).fit(contents)
    block = loader.transform([*contents, None])[:, 0]
    for content, cell in zip(contents, block[:-1], strict=True):
        whole = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0].mean(axis=1)
        length = min(len(whole), len(cell))
        assert len(cell) == RATE * duration and cell.base is block[0].base
        np.testing.assert_array_equal(cell[:length], whole[:length])
        assert not cell[length:].any()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        encoded(noise(), "PCM_24"),
        encoded(noise(), "DOUBLE"),
        encoded(noise(), "ULAW"),
        encoded(noise(), kind="WAVEX"),
        encoded(noise(), kind="FLAC"),
        encoded(noise())[:-1],  # shorter than it says
        encoded(noise(0)),
    ],
)
def test_what_needs_a_decoder_is_left_to_it(content):
    assert find_plain_wav(io.BytesIO(content)) is None


@pytest.mark.parametrize("subtype", ["PCM_24", "PCM_U8", "DOUBLE", "ULAW"])
def test_other_samples_are_decoded(subtype):
    cell = load(encoded(noise(1_000), subtype))
    np.testing.assert_allclose(cell, noise(1_000)[:, 0], atol=0.05)


def test_a_header_that_contradicts_itself_is_left_to_the_decoder():
    content = bytearray(encoded(noise()))
    start = content.index(b"fmt ") + 8
    assert struct.unpack_from("<HHIIHH", content, start)[:3] == (1, 1, RATE)
    for position, value in ((2, 0), (12, 4), (14, 24)):  # no channels, another width, other bits
        spoilt = bytearray(content)
        struct.pack_into("<H", spoilt, start + position, value)
        assert find_plain_wav(io.BytesIO(spoilt)) is None
    struct.pack_into("<I", content, start + 4, 0)  # no samples a second
    assert find_plain_wav(io.BytesIO(content)) is None


def test_chunks_before_the_samples_are_passed_over():
    content = encoded(noise(50))
    start = content.index(b"data")
    extra = b"LIST" + struct.pack("<I", 5) + b"abcde\0"
    assert find_plain_wav(io.BytesIO(content[:start] + extra + content[start:])).start == start + len(extra) + 8
    far = b"LIST" + struct.pack("<I", 70_000) + bytes(70_000)
    distant = content[:start] + far + content[start:]
    assert find_plain_wav(io.BytesIO(distant)) is None
    np.testing.assert_array_equal(load(distant), load(content))


def test_a_file_that_shrinks_while_it_is_read_gives_fewer_samples():
    file = io.BytesIO(encoded(noise()))
    header = find_plain_wav(file)
    file.truncate(150_001)
    for dtype in (np.float32, np.int16):
        samples = header.read(file, 0, header.n_frames, np.empty(header.n_frames, dtype))
        assert samples.shape == (1, (150_001 - header.start) // 2) and samples.dtype == dtype

"""Sounds whose files say nothing, or something wrong, of their length."""

import io
import wave

import numpy as np
import pytest
import soundfile

from mmsk.exceptions import BadInputError
from mmsk.preprocessing._mp3 import _frames, with_length
from tests.preprocessing.files import make_tone
from tests.preprocessing.test_audio_loader import RATE, encoded, load


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64", "AIFF", "OGG", "MP3"])
def test_truncation_is_told_as_such(kind):
    with pytest.raises(BadInputError, match="truncated"):
        load(encoded(make_tone(), kind=kind)[:-100])


def quiet_then_loud(rate=16_000):
    """Ten seconds whose MP3 frames grow: the first say nothing of how many there are."""
    time = np.arange(5 * rate) / rate
    quiet = 1e-4 * np.sin(2 * np.pi * 440 * time)
    return np.concatenate([quiet, 0.2 * np.random.default_rng(0).normal(size=5 * rate)]).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_mp3_without_a_header_is_read_whole(rate, n_channels):
    sound = encoded(np.stack([quiet_then_loud(rate)] * n_channels, 1), kind="MP3", sampling_rate=rate)
    first, second, *_ = (start for start, _ in _frames(sound))
    assert sound.find(b"Xing", first) < second
    expected = load(sound, sampling_rate=rate)
    title = b"ID3\4\0\0" + bytes([0, 0, 1, 2]) + bytes(130)
    for bare in (sound[second:], title + sound[second:] + b"TAG" + bytes(125)):
        cell = load(bare, sampling_rate=rate)
        delay = len(cell) - len(expected)  # of encoder and decoder, which the header told, and of the last frame
        assert 0 < delay < 3 * 1152
        lag = max(range(delay + 1), key=lambda k: np.dot(cell[k : k + len(expected)], expected))
        np.testing.assert_allclose(cell[lag : lag + len(expected)], expected, atol=0.02)
    filled = load(sound[second:], sampling_rate=rate, duration=10.0)
    assert filled[-rate:].std() > 0.1


def test_bytes_that_look_like_frames_by_chance_are_none():
    frame = b"\xff\xf3\x40\xc0" + bytes(100)
    assert with_length(3 * frame, 10) is not None
    assert with_length(3 * frame + bytes(1_000), 10) is None
    assert with_length(b"\xff\xfd\x40\xc0" * 500, 10) is None  # layer II
    assert with_length(b"\xff\xf3\x00\xc0" * 500, 10) is None  # a bit rate that is not stated


@pytest.mark.parametrize("duration", [None, 0.5, 6.0])
def test_mp3_that_lost_frames_is_refused_whatever_is_read_of_it(duration):
    sound = encoded(0.1 * np.random.default_rng(0).normal(size=6 * RATE), kind="MP3")
    frames = list(_frames(sound))
    assert load(sound, duration=duration).any()
    for first, last in ((20, 20), (20, 30), (len(frames) - 1, len(frames) - 1)):
        holed = sound[: frames[first][0]] + sound[frames[last][1] :]
        with pytest.raises(
            BadInputError, match=f"promises {len(frames) - 1} frames and {len(frames) - 2 - last + first}"
        ):
            load(holed, duration=duration)


def test_mp3_files_joined_to_one_are_read_whole():
    sound = encoded(make_tone(1.0), kind="MP3")
    cell = load(2 * sound)
    assert 2 * RATE <= len(cell) < 2 * RATE + 6 * 576
    assert cell[:RATE].std() == pytest.approx(cell[-RATE:].std(), rel=0.1)


def test_ogg_streams_joined_to_one_file_are_refused():
    one, two = encoded(make_tone(0.5), kind="OGG"), encoded(make_tone(1.0), kind="OGG")
    for sound in (one + two, one + one):
        with pytest.raises(BadInputError, match="several Ogg streams, of which only the first would be read"):
            load(sound)
    np.testing.assert_array_equal(load(one + b"TAG" + bytes(125)), load(one))


def pages(sound):
    starts = [start for start in range(len(sound)) if sound.startswith(b"OggS", start)]
    return [sound[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


@pytest.mark.parametrize("duration", [None, 0.5, 6.0])
def test_damaged_ogg_is_refused_whatever_is_read_of_it(duration):
    sound = encoded(0.1 * np.random.default_rng(0).normal(size=6 * RATE), kind="OGG")
    parts = pages(sound)
    assert len(parts) > 5 and b"".join(parts) == sound
    with pytest.raises(BadInputError, match="page 4 of its Ogg stream came where page 3 was expected"):
        load(b"".join(parts[:3] + parts[4:]), duration=duration)
    flipped = bytearray(parts[3])
    flipped[len(flipped) // 2] ^= 1
    with pytest.raises(BadInputError, match="page 3 of its Ogg stream has not the checksum that it states"):
        load(b"".join([*parts[:3], bytes(flipped), *parts[4:]]), duration=duration)


def test_flac_of_unknown_length_is_told_as_such():
    sound = bytearray(encoded(make_tone(), kind="FLAC"))
    sound[21] &= 0xF0
    sound[22:26] = bytes(4)
    for duration in (None, 0.1, 1.0):
        with pytest.raises(BadInputError, match=r"does not state its length .*Encode it anew"):
            load(bytes(sound), duration=duration)


def with_stated_length(length):
    sound = bytearray(encoded(make_tone()))
    start = sound.index(b"data") + 4
    sound[start : start + 4] = length.to_bytes(4, "little")
    return bytes(sound)


def test_cut_big_endian_wav_is_refused():
    sound = io.BytesIO()
    soundfile.write(sound, make_tone(), RATE, format="WAV", subtype="PCM_16", endian="BIG")
    whole = sound.getvalue()
    assert whole[:4] == b"RIFX" and load(whole).shape == (4_000,)
    with pytest.raises(BadInputError, match="truncated"):
        load(whole[: len(whole) // 2])


def test_wav_of_unknown_length_from_a_pipe_is_read():
    assert load(with_stated_length(0xFFFFFFFF)).shape == (4_000,)


def test_wav_that_denies_its_samples_is_not_read_as_empty():
    with pytest.raises(BadInputError, match="8000 bytes follow"):
        load(with_stated_length(0))


def test_wav_with_other_chunks_is_read():
    sound = encoded(make_tone())
    start = sound.index(b"data")
    extra = b"LIST" + (5).to_bytes(4, "little") + b"abcde\0"
    np.testing.assert_array_equal(load(sound[:start] + extra + sound[start:]), load(sound))


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_16", "IMA_ADPCM", "ULAW"])
def test_the_middle_of_telephone_formats(subtype):
    sound = io.BytesIO()
    soundfile.write(sound, make_tone(1.0), RATE, format="WAV", subtype=subtype)
    whole = load(sound.getvalue())
    first = (len(whole) - RATE // 2) // 2
    middle = load(sound.getvalue(), duration=0.5, position="center")
    np.testing.assert_array_equal(middle, whole[first : first + RATE // 2])


def test_wav_of_the_standard_library_is_read(tmp_path):
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((make_tone() * 32767).astype("<i2").tobytes())
    np.testing.assert_allclose(load(path), make_tone(), atol=1e-4)
